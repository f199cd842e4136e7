/** `tinydocker registry serve`: the images of this machine for others. */

import { serve } from "../../engine/image/serve.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { explain, UsageError } from "../../errors.ts";
import { parseListen } from "../../image/serve/listen.ts";
import { absolutePath, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { fail, notice, printError } from "../words/print.ts";
import { parseSize } from "../words/units.ts";

export default defineCommand({
  meta: { name: "registry serve", description: "Serve the images of this machine as a registry" },
  args: {
    listen: {
      type: "string",
      valueHint: "address",
      default: "127.0.0.1:5000",
      description: "Address and port to listen on; port 0 takes a free one (127.0.0.1:5000)",
    },
    readonly: { type: "boolean", description: "Refuse pushing and deleting" },
    "tls-cert": {
      type: "string",
      empty: "checked",
      valueHint: "file",
      description: "Certificate, with its chain, in PEM",
    },
    "tls-key": { type: "string", empty: "checked", valueHint: "file", description: "Key of the certificate, in PEM" },
    htpasswd: {
      type: "string",
      empty: "checked",
      valueHint: "file",
      description: "Admit only the users of this file, made by `htpasswd -B`",
    },
    insecure: {
      type: "boolean",
      description: "Serve everyone who reaches the address, without TLS or passwords",
    },
    "max-size": {
      type: "string",
      empty: "checked",
      valueHint: "size",
      default: "32g",
      description: "Refuse blobs larger than this (32g)",
    },
    quiet: { type: "boolean", alias: "q", description: "Do not write a line for each request to stderr" },
  },
  examples: [
    "tinydocker registry serve",
    "tinydocker registry serve --listen :5000 --tls-cert cert.pem --tls-key key.pem --htpasswd users",
  ],
  run: async ({ listen, readonly, htpasswd, insecure, quiet, ...args }, { root }) => {
    requireRoot("serving images");
    const { "tls-cert": cert, "tls-key": key, "max-size": size } = args;
    if ((cert === undefined) !== (key === undefined))
      throw new UsageError("--tls-cert and --tls-key are needed together");
    const path = (text: string) => absolutePath(text, process.cwd());
    const options = {
      listen: parseListen(listen),
      readOnly: readonly ?? false,
      insecure: insecure ?? false,
      maxBlobBytes: parseSize("--max-size", size),
      ...(cert !== undefined && key !== undefined && { tls: { cert: path(cert), key: path(key) } }),
      ...(htpasswd !== undefined && { htpasswd: path(htpasswd) }),
      ...(!quiet && { onRequest: printError }),
      onFault: (error: unknown) => fail(explain(error).text),
    };
    await serve(pathsOf(root), options, (address) => notice(`serving ${root} on ${address}`));
    return 0;
  },
});
