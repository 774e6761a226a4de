/** One signal for "stop in good order": SIGTERM (shutdown, sleep) and SIGINT (a person). */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => controller.abort(new Error(name)));
  return controller.signal;
}
