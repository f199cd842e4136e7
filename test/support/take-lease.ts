/** A process of its own that takes leases (directory, subnet, how many), says which, and holds them until its input ends. */

import { readFileSync } from "node:fs";
import { takeLease } from "../../src/network/leases.ts";

const [directory = "", subnet = "", count] = process.argv.slice(2);
const gateway = subnet.replace(/0\/\d+$/, "1");
for (let number = 0; number < Number(count); number++) {
  const owner = `${process.pid}-${number}`;
  console.log(takeLease({ directory, subnet, gateway, owner, isAlive: () => false }).address);
}
console.log("done");
readFileSync(0);
