/** The policy of a tailnet that nobody has edited: everybody reaches everything. Shortened from tailscale.com/docs/reference/examples/acls. */
export const DEFAULT_POLICY = `// Example/default policy for unrestricted connections.
{
	// Define users and devices that can use Tailscale SSH.
	"grants": [
		// Allow all connections.
		// Comment this section out if you want to define specific restrictions.
		{"src": ["*"], "dst": ["*"], "ip": ["*"]},
	],

	"ssh": [
		// Allow all users to SSH into their own devices in check mode.
		{
			"action": "check",
			"src":    ["autogroup:member"],
			"dst":    ["autogroup:self"],
			"users":  ["autogroup:nonroot", "root"],
		},
	],
}
`;
