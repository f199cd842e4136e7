/** The keys that leave what is at a terminal running. */

/**
 * Finds them. All but the last of them are passed on as they are typed: Docker keeps Ctrl-P back until the next key comes,
 * which everybody notices who looks for the last command in a shell.
 */
export function detachMatcher(keys: Uint8Array): (bytes: Uint8Array) => Uint8Array | "detach" {
  let matched = 0;
  return (bytes) => {
    for (const byte of bytes) {
      matched = byte === keys[matched] ? matched + 1 : byte === keys[0] ? 1 : 0;
      if (matched === keys.length) return "detach";
    }
    return bytes;
  };
}
