/** What a container may do with devices, asked inside. */

/** `open TYPE MAJOR MINOR` makes a node and tries to open it. */
const functions = `
open() { mknod /n $1 $2 $3 || echo "no node"
  if dd if=/n of=/dev/null count=0 2>/e; then r=r; else r=-; grep -q "not permitted" /e || cat /e; fi
  if dd if=/dev/null of=/n count=0 conv=notrunc 2>/e; then w=w; else w=-; grep -q "not permitted" /e || cat /e; fi
  echo "$1 $2:$3 $r$w"; rm -f /n; }
`;

/** A script that prints a line for each device, given as `c 1 3`: whether it can be opened to read, and to write (`c 1:3 r-`). */
export const openDevices = (devices: string[]): string =>
  functions + devices.map((device) => `open ${device}`).join("\n");
