/** The version of the runtime specification that we speak. */
export const ociVersion = "1.2.0";
