/** Double of launchctl(1): the subcommands that the project's programs use, in the domain `system`. */
import { ask, program } from "./ask.ts";

function labelOf(target: string): string {
  return target.replace(/^system\//, "");
}

await program("launchctl", async () => {
  const [verb = "help", ...rest] = process.argv.slice(2);
  const [target = "", path = ""] = rest.filter((word) => !word.startsWith("-"));
  switch (verb) {
    case "bootstrap":
      await ask({ verb: "bootstrap", path });
      return 0;
    case "bootout":
      await ask({ verb: "bootout", label: labelOf(target) });
      return 0;
    case "kickstart":
      await ask({ verb: "kickstart", label: labelOf(target), kill: rest.includes("-k") });
      return 0;
    case "enable":
    case "disable":
      return 0;
    case "print": {
      const { statuses = [] } = await ask({ verb: "list" });
      const found = statuses.find(({ name }) => name === labelOf(target));
      if (found === undefined) {
        process.stderr.write(`Could not find service "${labelOf(target)}" in domain for system\n`);
        return 113;
      }
      const state = found.mainPid > 0 ? "running" : "not running";
      const lines = [`state = ${state}`, `pid = ${found.mainPid}`, `last exit code = ${found.exitStatus}`];
      console.log(`${target} = {\n\t${lines.join("\n\t")}\n}`);
      return 0;
    }
    case "list": {
      const { statuses = [] } = await ask({ verb: "list" });
      console.log("PID\tStatus\tLabel");
      for (const { name, mainPid, exitStatus } of statuses) console.log(`${mainPid || "-"}\t${exitStatus}\t${name}`);
      return 0;
    }
    default:
      throw new Error(`the lab's double does not know the subcommand ${verb}`);
  }
});
