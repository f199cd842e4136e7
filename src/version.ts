/** Which tinydocker this is. The build (helpers/build.ts) fills both in; run from source they say so. */

declare const TINYDOCKER_VERSION: string | undefined;
declare const TINYDOCKER_COMMIT: string | undefined;

/** The version of package.json: `0.1.0`. */
export const version: string = typeof TINYDOCKER_VERSION === "undefined" ? "0.0.0-source" : TINYDOCKER_VERSION;

/** What `version` prints. */
export const versionLine = (): string => `tinydocker ${version} (${commit}, ${process.arch})`;

/** The commit it was built from, twelve digits, with `-dirty` after it when files had changed; `unknown` outside git. */
export const commit: string = typeof TINYDOCKER_COMMIT === "undefined" ? "unknown" : TINYDOCKER_COMMIT;
