/** Which program this is, in Docker's words. There is no server: client and server are this one program. */

import { kernelVersion } from "../../linux/sysctl.ts";
import { hostArchitecture } from "../../oci/image.ts";
import { commit, version } from "../../version.ts";

/** The Engine API whose fields and meanings our output has, and the oldest whose clients' scripts expect no others. */
export const apiVersion = "1.50";
const oldestApiVersion = "1.24";

/** Of client and server alike. Go's version and the time of the build are nobody's here. */
const program = () => ({
  Version: version,
  ApiVersion: apiVersion,
  GitCommit: commit,
  GoVersion: "",
  Os: "linux",
  Arch: hostArchitecture,
  BuildTime: "",
});

export const describeClient = () => ({ ...program(), DefaultAPIVersion: apiVersion, Context: "default" });

export function describeServer() {
  const server = { ...program(), MinAPIVersion: oldestApiVersion, KernelVersion: kernelVersion(), Experimental: false };
  const { Version, Experimental, ...details } = server;
  const Details = new Map(Object.entries({ ...details, Experimental: String(Experimental) }));
  return { Platform: { Name: "tinydocker" }, Components: [{ Name: "Engine", Version, Details }], ...server };
}
