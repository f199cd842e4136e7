/** A process of its own that ensures a bridge a number of times, while others do the same. */

import { withNetlink } from "../../src/linux/netlink/socket.ts";
import { ensureBridge } from "../../src/network/bridge.ts";
import { aNetwork } from "./network.ts";

withNetlink("ROUTE", (socket) => {
  for (let times = Number(process.argv[2]); times > 0; times--) ensureBridge(socket, aNetwork());
});
