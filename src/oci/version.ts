/** The version of the runtime specification that we speak. */
export const ociVersion = "1.3.0";
