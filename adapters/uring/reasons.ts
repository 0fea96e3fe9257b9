/**
 * Why there is no ring, in words for people.
 *
 * @module
 */

import { RingRefused } from "./ring.ts";
import { errorName } from "./system_error.ts";

const EPERM = 1;
const ENOSYS = 38;

const HINTS: ReadonlyMap<number, string> = new Map([
  [EPERM, "forbidden by seccomp, or by the sysctl kernel.io_uring_disabled"],
  [ENOSYS, "this kernel has none, or seccomp hides it"],
]);

/** What `error`, of which no ring came, means. */
export function reasonOf(error: unknown): string {
  if (error instanceof RingRefused) return refusedReason(error);
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const forbidden = error.name === "NotCapable" || error.name === "PermissionDenied" ||
    code === "ERR_ACCESS_DENIED";
  if (forbidden) return "foreign functions may not be called; pass --allow-ffi";
  return error.message.split("\n")[0];
}

function refusedReason({ message, errno }: RingRefused): string {
  if (errno === 0) return message;
  const hint = HINTS.get(errno);
  const words = `${message} with ${errorName(errno)}`;
  return hint === undefined ? words : `${words}: ${hint}`;
}
