/**
 * Engines that call our OCI runtime in place of runc: docker, containerd, Kubernetes' interface of it, buildah and podman. The
 * scripts of helpers/callers show what their users see, and helpers/callers/*.txt what they see with runc: with ours it must be
 * the same, word by word. What is limited needs cgroup v2 alone: test/vm/callers.test.ts.
 */

import { homedir } from "node:os";
import type { Caller } from "../../helpers/callers/scripts.ts";
import { caller, expectAsWithRunc } from "../support/callers.ts";
import { needing, root } from "../support/needs.ts";
import { Sandbox } from "../support/sandbox.ts";

const asWithRunc = async (name: Caller, ...sections: string[]): Promise<void> => {
  await using sandbox = await new Sandbox().open();
  const perform = (argv: string[]) => sandbox.exec(argv, { env: { HOME: homedir() }, timeoutMs: 170_000 });
  await expectAsWithRunc({ name, sections, perform });
};

needing(root, caller("docker"))(
  "docker runs, enters, pauses, restarts, stops and kills containers by it as by runc, which see the same around them",
  () => asWithRunc("docker", "output", "surroundings", "life", "terminals"),
);

needing(root, caller("containerd"))(
  "containerd's ctr runs, enters, pauses and kills containers by it as by runc, which see the same around them",
  () => asWithRunc("containerd", "output", "surroundings", "life", "terminals"),
);

needing(root, caller("cri"))(
  "a kubelet's calls to containerd make a pod and its containers by it as by runc, enter, stop and remove them, and have their logs",
  () => asWithRunc("cri", "life"),
);

needing(root, caller("buildah"))("buildah builds an image by it, and runs commands, as by runc", () =>
  asWithRunc("buildah", "build"),
);

needing(root, caller("podman"))(
  "podman's containers see the same around them as by runc, have terminals, and are checked, committed and restarted",
  () => asWithRunc("podman", "surroundings", "terminals", "engine_things"),
);
