import { Nginx } from "./serving-nginx.ts";
import { haveTools, type ConfigArguments } from "./serving-tools.ts";
import { Upstream } from "./serving-upstream.ts";

/** nginx, and the double behind it. */
export interface Pair {
  readonly nginx: Nginx;
  readonly upstream: Upstream;
}

/** Has a pair for the tests of the surrounding `describe`; each begins with the double's manners and memory as new. */
export function servingPair(settings: ConfigArguments = {}): Pair {
  const upstream = new Upstream();
  let nginx: Nginx | undefined;
  before(async function () {
    this.timeout(400_000);
    if (!haveTools()) this.skip();
    await upstream.listen();
    nginx = await Nginx.start(upstream.address, settings);
  });
  beforeEach(() => {
    upstream.asked.length = 0;
    upstream.manner = {};
  });
  after(async () => {
    await nginx?.stop();
    await upstream.stop();
  });
  return {
    upstream,
    get nginx() {
      if (nginx === undefined) throw new Error("nginx is not up yet");
      return nginx;
    },
  };
}
