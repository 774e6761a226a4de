/** docs/what-doctor-says.md: what was broken in the lab, what the doctor said to it, and what it says mends it. */
import type { Finding } from "../../../nix/cachectl/doctor/finding.ts";

export interface Said {
  readonly what: string;
  readonly on: string;
  readonly finding: Finding;
}

const intro = `# What doctor says

Every failure and warning that \`cachectl doctor\` and \`npm run doctor\` can name was provoked in the lab, and this is what they
said, with what they say mends it. A test of the lab makes this list, and fails where it is not what is said. Figures and
addresses are the lab's.

## \`cachectl doctor\`, on a machine
`;

const stackTitle = "\n## `npm run doctor`, of a stack\n";

const roles: Readonly<Record<string, string>> = { desktop: "client", macbook: "builder", server: "server" };

/** The whole page. */
export function pageOf(machines: readonly Said[], stack: readonly Omit<Said, "on">[]): string {
  const columns = ["broken", "check", "says (bold: a failure)", "mends it"];
  const ofMachines = machines.map(({ what, on, finding }) => [what, roles[on] ?? on, ...cells(finding)]);
  const ofStack = stack.map(({ what, finding }) => [what, ...cells(finding)]);
  return [
    intro,
    ...table(columns.toSpliced(1, 0, "asked on"), ofMachines),
    stackTitle,
    ...table(columns, ofStack),
    "",
  ].join("\n");
}

function cells({ check, level, found, mend = "" }: Finding): readonly string[] {
  return [`\`${check}\``, level === "failure" ? `**${plain(found)}**` : plain(found), plain(mend)];
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [row(columns), row(columns.map(() => "---")), ...rows.map(row)];
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
    .replaceAll(/\broot@[\w.-]+, process/g, "root@HOST, process")
    .replaceAll(/\d+(?:\.\d+)?/g, "N")
    .replaceAll(/\b(?:B|KiB|MiB|GiB|TiB)\b/g, "SIZE")
    .replaceAll(/\bN (?:s|min|h)\b/g, "TIME")
    .replaceAll(/-{3,}/g, "---")
    .replaceAll(/ +/g, " ")
    .split("\n");
}
