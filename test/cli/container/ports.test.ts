import { expect, test } from "bun:test";
import { portsText } from "../../../src/cli/container/ports.ts";
import type { ShownPort } from "../../../src/engine/network/ports.ts";

const exposed = (port: number, protocol: ShownPort["protocol"] = "tcp"): ShownPort => ({ port, protocol });
const published = (hostIp: string, hostPort: number, port: number): ShownPort => ({
  ...exposed(port),
  hostIp,
  hostPort,
});

/** As `docker ps` prints them. */
const cases: [ports: ShownPort[], text: string][] = [
  [[], ""],
  [[exposed(9988)], "9988/tcp"],
  [[exposed(9988, "udp")], "9988/udp"],
  [[published("0.0.0.0", 9988, 9988)], "0.0.0.0:9988->9988/tcp"],
  [[published("::", 9988, 9988)], "[::]:9988->9988/tcp"],
  [[published("4.3.2.1", 8899, 9988)], "4.3.2.1:8899->9988/tcp"],
  [[published("4.3.2.1", 9988, 9988)], "4.3.2.1:9988->9988/tcp"],
  [[exposed(9988, "udp"), exposed(9988, "udp")], "9988/udp, 9988/udp"],
  [[published("1.2.3.4", 9998, 9998), published("1.2.3.4", 9999, 9999)], "1.2.3.4:9998-9999->9998-9999/tcp"],
  [
    [published("1.2.3.4", 8887, 9998), published("1.2.3.4", 8888, 9999)],
    "1.2.3.4:8887->9998/tcp, 1.2.3.4:8888->9999/tcp",
  ],
  [[exposed(9998, "udp"), exposed(9999, "udp")], "9998-9999/udp"],
  [[exposed(80), exposed(443), published("0.0.0.0", 9090, 9090)], "80/tcp, 443/tcp, 0.0.0.0:9090->9090/tcp"],
  [
    [exposed(80), exposed(81), published("0.0.0.0", 8080, 8080), published("::", 8080, 8080)],
    "80-81/tcp, 0.0.0.0:8080->8080/tcp, [::]:8080->8080/tcp",
  ],
  [
    [published("0.0.0.0", 8080, 80), published("::", 8080, 80), exposed(22)],
    "22/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  ],
];

test.each(cases)("portsText(%j) is %j", (ports, text) => {
  expect(portsText(ports)).toBe(text);
  expect(portsText(ports.toReversed())).toBe(text);
});
