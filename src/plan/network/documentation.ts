/** What people are told of the steps that connect a container. */

import type { Documentation } from "../rare/documentation.ts";
import type { NetworkStep } from "./network.ts";

export const networkDocumentation: Documentation<NetworkStep["do"]> = {
  lease: {
    man: "flock(2)",
    why: "the address is ours while this lock lives, whatever happens to us",
    undo: "unlink(2)",
  },
  port: {
    man: "bind(2)",
    why: "no other program gets this port of the host while the container lives",
    undo: "close(2)",
  },
  bridge: {
    man: "rtnetlink(7)",
    why: "a switch in the kernel, to which all containers of one network are connected; made if it is not there",
  },
  parent: {
    man: "rtnetlink(7)",
    why: "the device of the host upon which each container of the network has one of its own; made if it is ours",
  },
  firewall: {
    man: "nft(8)",
    why: "containers leave under an address of the host, and networks are kept apart; made if it is not there",
  },
  endpoint: {
    man: "veth(4)",
    why: "two devices that are one cable: one end in the container, the other in the bridge",
    undo: "rtnetlink(7)",
  },
  publish: {
    man: "nft(8)",
    why: "what comes to these ports of the host is sent on to the container",
    undo: "nft(8)",
  },
  names: {
    man: "rename(2)",
    why: "other containers of this network find it by these names",
    undo: "unlink(2)",
  },
  resolver: {
    man: "resolver(5)",
    why: "answers at 127.0.0.11 for the names of containers, and asks the host's servers for all others",
    undo: "close(2)",
  },
  relay: {
    man: "accept(2)",
    why: "what NAT can't send on is passed on byte by byte: what comes to 127.0.0.1 and ::1, or by IPv6 for a container without it",
    undo: "close(2)",
  },
};
