/** Stacks and policies that the tests of this folder share. */
import type { PolicyEntries } from "../../../components/tailnet-access/entries.ts";
import { buildPolicy, type PolicySettings } from "../../../components/tailnet-access/policy.ts";

/** A stack with two builders and nothing out of the ordinary. */
export const settings: PolicySettings = {
  tags: { cache: "tag:nix-cache", ci: "tag:nix-ci" },
  owners: ["autogroup:admin"],
  readers: ["autogroup:member"],
  builders: ["100.80.1.20", "100.80.1.30"],
  port: 5000,
  sshPort: 22,
  ssh: "openssh",
  requireDeny: true,
  extra: { grants: [], tests: [] },
};

/** The entries of the stack with these changes. */
export function entriesOf(change: Partial<PolicySettings> = {}): PolicyEntries {
  return buildPolicy({ ...settings, ...change });
}

/** A second stack on the same tailnet. */
export const otherTags = { cache: "tag:nix-cache-staging", ci: "tag:nix-ci-staging" };

/** What Tailscale gives to a tailnet that nobody has edited, comments shortened. */
export const defaultPolicy = `// Example/default ACLs for unrestricted connections.
{
	// Declare static groups of users. Use autogroups for all users or users with a specific role.
	// "groups": {
	//  	"group:example": ["alice@example.com", "bob@example.com"],
	// },

	// Define grants that govern access for users, groups, autogroups, tags, IP addresses, and subnet ranges.
	"grants": [
		// Allow all connections.
		// Comment this section out if you want to define specific restrictions.
		{"src": ["*"], "dst": ["*"], "ip": ["*"]},

		// Allow users in "group:example" to access "tag:example", but only from devices that are running macOS.
		// {"src": ["group:example"], "dst": ["tag:example"], "ip": ["*"], "srcPosture":["posture:autoUpdateMac"]},
	],

	// Define users and devices that can use Tailscale SSH.
	"ssh": [
		// Allow all users to SSH into their own devices in check mode.
		{
			"action": "check",
			"src":    ["autogroup:member"],
			"dst":    ["autogroup:self"],
			"users":  ["autogroup:nonroot", "root"],
		},
	],

	// Test access rules every time they're saved.
	// "tests": [
	//  	{
	//  		"src": "alice@example.com",
	//  		"accept": ["tag:example"],
	//  	},
	// ],
}
`;

/** A policy as people write them: comments everywhere, several styles, narrow rules of both kinds. */
export const handWritten = `// The office's tailnet. Ask ada before you touch it!
{
  "groups": { "group:dev": ["ada@example.com", "bob@example.com"], /* more to come */ },
  "hosts": {
    "nas": "100.80.9.9", // upstairs
  },
  "tagOwners": {
    // The lab's own
    "tag:lab": ["group:dev"],   "tag:printer": [],
  },
  "acls": [
    /* old, kept for the printers */ {"action": "accept", "src": ["group:dev"], "dst": ["tag:printer:631,9100"]},
    {"action": "accept", "src": ["autogroup:member"], "dst": ["nas:445"], "proto": "tcp"}
  ],
  "grants": [ // newest first
    {"src": ["group:dev"],
     "dst": ["tag:lab"],
     "ip":  ["22", "tcp:443"]},
  ],
  "tests": [{"src": "ada@example.com", "accept": ["tag:lab:22"], "deny": ["nas:22"]}],
  "nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}], // "grants": [] in a comment
}
`;

/** The same rules with `acls` only. */
export const aclsOnly = `{
  "tagOwners": {"tag:lab": ["autogroup:admin"]},
  "acls": [
    {"action": "accept", "src": ["autogroup:member"], "dst": ["tag:lab:22"]},
  ],
}
`;

/** The same rules with `grants` only. */
export const grantsOnly = `{
  "tagOwners": {"tag:lab": ["autogroup:admin"]},
  "grants": [
    {"src": ["autogroup:member"], "dst": ["tag:lab"], "ip": ["tcp:22"]},
  ],
}
`;

/** A hand-written kind of policy of this many lines, with comments. */
export function hugePolicy(lines: number): string {
  const rules = Math.floor((lines - 12) / 4);
  const each = (make: (index: number) => string): string =>
    Array.from({ length: rules }, (_, index) => make(index)).join("\n");
  return [
    "// A policy that grew for years.",
    "{",
    '\t"tagOwners": {',
    each((index) => `\t\t"tag:service-${index}": ["autogroup:admin"], // team ${index % 17}`),
    "\t},",
    '\t"hosts": {',
    each((index) => `\t\t"host-${index}": "100.90.${index >> 8}.${index & 255}",`),
    "\t},",
    '\t"acls": [',
    each((index) => `\t\t{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:service-${index}:443,8443"]},`),
    "\t],",
    '\t"grants": [',
    each((index) => `\t\t{"src": ["tag:service-${index}"], "dst": ["host-${index}"], "ip": ["tcp:5432"]}, // db`),
    "\t],",
    "}",
    "",
  ].join("\n");
}
