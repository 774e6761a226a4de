/** All checks, in the order in which things fail. */
import type { Check } from "./check.ts";
import { buildersCheck } from "./checks/builders.ts";
import { cacheInfoCheck } from "./checks/cache-info.ts";
import { canaryCheck } from "./checks/canary.ts";
import { clockCheck } from "./checks/clock.ts";
import { configCheck } from "./checks/config.ts";
import { daemonCheck } from "./checks/daemon.ts";
import { fallbackCheck } from "./checks/fallback.ts";
import { hookCheck } from "./checks/hook.ts";
import { identityCheck } from "./checks/identity.ts";
import { lastUploadCheck } from "./checks/last-upload.ts";
import { nameCheck } from "./checks/name.ts";
import { pathCheck } from "./checks/path.ts";
import { policyCheck } from "./checks/policy.ts";
import { populateCheck } from "./checks/populate.ts";
import { portCheck } from "./checks/port.ts";
import { queueCheck } from "./checks/queue.ts";
import { receiverCheck } from "./checks/receiver.ts";
import { retainCheck } from "./checks/retain.ts";
import { scrubCheck } from "./checks/scrub.ts";
import { serverDiskCheck } from "./checks/server-disk.ts";
import { serverKeysCheck } from "./checks/server-keys.ts";
import { signingKeyCheck } from "./checks/signing-key.ts";
import { sshCheck } from "./checks/ssh.ts";
import { substitutersCheck } from "./checks/substituters.ts";
import { tailnetCheck } from "./checks/tailnet.ts";
import { uploaderCheck } from "./checks/uploader.ts";

export const checks: readonly Check[] = [
  configCheck,
  tailnetCheck,
  nameCheck,
  portCheck,
  policyCheck,
  cacheInfoCheck,
  signingKeyCheck,
  pathCheck,
  substitutersCheck,
  fallbackCheck,
  daemonCheck,
  hookCheck,
  uploaderCheck,
  serverKeysCheck,
  receiverCheck,
  identityCheck,
  sshCheck,
  serverDiskCheck,
  queueCheck,
  lastUploadCheck,
  buildersCheck,
  populateCheck,
  retainCheck,
  scrubCheck,
  canaryCheck,
  clockCheck,
];
