/** The kinds of values that settings are made of, each with a message that says what was expected. */
import { z } from "zod";

/** A machine's or builder's name: lower case, as in a host name; it becomes part of paths and logical names. */
export const hostName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "expected lower-case letters, digits and hyphens, beginning with a letter");

/** An address to connect to: an IP (a tailnet's are 100.64.0.0/10 and fd7a:115c:a1e0::/48) or a DNS name. */
export const address = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/, "expected an IP address or a DNS name");

/**
 * An ssh host key as `ssh-keyscan -t ed25519 HOST` prints it, without the host. Only ed25519: given an RSA key,
 * the ssh library of @pulumi/command offers SHA-1 signatures alone, which OpenSSH refuses.
 */
export const ed25519Key = z
  .string()
  .regex(/^ssh-ed25519 [A-Za-z0-9+/]{68}( [^\n]*)?$/, 'expected an ed25519 key, "ssh-ed25519 AAAA…", on one line');

/** A Nix public key, `NAME:BASE64` of 32 bytes, as `nix key convert-secret-to-public` prints it. */
export const nixPublicKey = z
  .string()
  .regex(
    /^[^:\s]+:[A-Za-z0-9+/]{43}=$/,
    "expected a Nix public key, NAME:BASE64, as `nix key convert-secret-to-public` prints it",
  );

/** A Nix system double that this project knows how to serve. */
export const system = z.enum(["x86_64-linux", "aarch64-linux", "aarch64-darwin", "x86_64-darwin"]);

export const port = z.int().min(1).max(65535);

/** A number of bytes with a binary unit, as people write disk sizes. */
export const bytes = z.string().regex(/^[1-9][0-9]*(KiB|MiB|GiB|TiB)$/, "expected a size such as 100GiB");

/** A tailnet tag. Tailscale allows letters, digits and hyphens after `tag:`. */
export const tag = z.string().regex(/^tag:[a-zA-Z][a-zA-Z0-9-]*$/, 'expected a tag, such as "tag:nix-cache"');

/** A flake reference without an output: it is the server that resolves it. */
export const flakeReference = z.string().regex(/^[^#\s]+$/, "expected a flake reference without '#' and spaces");

/** An attribute path within a flake's outputs. */
export const flakeOutput = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_'-]*(\.("[^"\s]+"|[A-Za-z0-9_'-]+))*$/,
    "expected an attribute path, such as packages.x86_64-linux.hello",
  );

/** A systemd calendar expression; systemd itself is the judge of all but the obvious. */
export const calendar = z
  .string()
  .regex(/^[A-Za-z0-9*:,./ ~-]+$/, 'expected a systemd calendar expression, such as "daily" or "Sun 04:00"');

/** Five fields, as GitHub's schedule trigger takes them (UTC). */
export const cron = z.string().regex(/^(\S+ ){4}\S+$/, 'expected five cron fields, such as "0 4 * * 0"');

/** An absolute path outside the Nix store, since everything in the store is readable by everyone. */
export const secretPath = z
  .string()
  .regex(/^\/(?!nix\/store(\/|$))[A-Za-z0-9._/-]*$/, "expected an absolute path outside /nix/store");

/** The name of a signing key, the part before the colon in its public half. */
export const keyName = z.string().regex(/^[A-Za-z0-9._-]+$/, 'expected a key name, such as "server-cache-1"');

/**
 * Whom a copy of a key is encrypted to, by age: `age1…` (X25519, 32 bytes in bech32) or an ssh-ed25519 public key. Not
 * age's plugins and tags: the server has none of them.
 */
export const ageRecipient = z
  .string()
  .regex(
    /^(age1[02-9ac-hj-np-z]{58}|ssh-ed25519 [A-Za-z0-9+/]{68}( [^\n]*)?)$/,
    'expected an age recipient, "age1…" as age-keygen prints it, or "ssh-ed25519 AAAA…"',
  );

/** OWNER/NAME of a repository. */
export const repository = z.string().regex(/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/, "expected OWNER/NAME");
