/** docs/what-doctor-says.md: what was broken in the lab, what the doctor said to it, and what it says mends it. */
import type { Finding } from "../../../nix/cachectl/doctor/finding.ts";

export interface Said {
  readonly what: string;
  readonly on: string;
  readonly finding: Finding;
}

const intro = `# What doctor says

Every failure and warning that \`cachectl doctor\` can name was provoked in the lab, and this is what it said, with what it says
mends it. A test of the lab makes this list, and fails where it is not what is said. Figures and addresses are the lab's.
`;

const roles: Readonly<Record<string, string>> = { desktop: "client", macbook: "builder", server: "server" };

/** The whole page. */
export function pageOf(all: readonly Said[]): string {
  const rows = all.map(({ what, on, finding: { check, level, found, mend = "" } }) =>
    row([
      what,
      roles[on] ?? on,
      `\`${check}\``,
      level === "failure" ? `**${plain(found)}**` : plain(found),
      plain(mend),
    ]),
  );
  const header = row(["broken", "asked on", "check", "says (bold: a failure)", "mends it"]);
  return [intro, header, row(["---", "---", "---", "---", "---"]), ...rows, ""].join("\n");
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function plain(text: string): string {
  return text.replaceAll(/[|\\*_<>[\]]/g, (character) => `\\${character}`).replaceAll("\n", " ");
}

/** Without what differs from lab to lab, and without the padding of a formatted table. */
export function sameEverywhere(page: string): readonly string[] {
  return page
    .replaceAll(/SHA256:[A-Za-z0-9+/]+/g, "FINGERPRINT")
    .replaceAll(/[0-9a-df-np-sv-z]{32}-[\w-]+/g, "PATH")
    .replaceAll(/\d+(?:\.\d+)?/g, "N")
    .replaceAll(/\b(?:B|KiB|MiB|GiB|TiB)\b/g, "SIZE")
    .replaceAll(/\bN (?:s|min|h)\b/g, "TIME")
    .replaceAll(/-{3,}/g, "---")
    .replaceAll(/ +/g, " ")
    .split("\n");
}
