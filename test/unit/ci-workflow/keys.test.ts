import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "mocha";
import { makeNixKey, makeSshKey, nixPublicKey, sshPublicKey } from "../../../components/ci-publisher/index.ts";

// Made with `nix-store --generate-binary-cache-key test-1` and `ssh-keygen -t ed25519`; they open nothing.
const nixSecret = "test-1:PetXcK2H/ItdNEJEh41UH+2l1MySwAoR6hg5Mk9uYU2ndox6o+c4J4JEtP6pfJoSMB0MDAsxGHyedV0M+A3E4g==";
const nixPublic = "test-1:p3aMeqPnOCeCRLT+qXyaEjAdDAwLMRh8nnVdDPgNxOI=";
const sshSecret = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACD36PziWQvyTzQ4Te4qywOxLUhasl0clyIh0IK1qKAk3wAAAJCYHWIomB1i
KAAAAAtzc2gtZWQyNTUxOQAAACD36PziWQvyTzQ4Te4qywOxLUhasl0clyIh0IK1qKAk3w
AAAEAVlROHYEgCO/3WFmIjkJIXVphFLpz37qfk3KjeQ9qTxvfo/OJZC/JPNDhN7irLA7Et
SFqyXRyXIiHQgrWooCTfAAAACHRlc3Qga2V5AQIDBAU=
-----END OPENSSH PRIVATE KEY-----
`;
const sshPublic = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPfo/OJZC/JPNDhN7irLA7EtSFqyXRyXIiHQgrWooCTf";
const sshEncrypted = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDjDSGSBw
fE/Jt0Zp1gfafFAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINb4WaCMKolb2X8r
aM5kr6leZ6jJMTV0ba8bN505AHyvAAAAkDF62GMeSDWiEhcJnsNrccbvm7tcZWWQDxbeFa
uE5p65KCDckU8QtnY4bFc+1sJnIbw7Ev6q8ivZihQMsdEktF6csuxJUbhJMP6ko9HMY8xo
qsQ/NBr6E+N9N7sr2teZM/dTKVtIa6nllN0nXHi0Erko7nVdli2SHOTBTnAUaBIKvX/Led
HfvwRWgQLuNJ7s0g==
-----END OPENSSH PRIVATE KEY-----
`;
const sshEcdsa = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQjC1TNil5wIcfTV/L972VMcYRzXW4A
2q6oUSW/fdq0x/zBhs5RfiGgtXk292GcsJzwNPkZymGslzhUcNs+YKgNAAAAoHPVktNz1Z
LTAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCMLVM2KXnAhx9NX
8v3vZUxxhHNdbgDarqhRJb992rTH/MGGzlF+IaC1eTb3YZywnPA0+RnKYayXOFRw2z5gqA
0AAAAgMkskdacxRWJpVzK5oXQQBrhAoi5jx+0A6CAtuSUmKPoAAAACZWMBAgMEBQY=
-----END OPENSSH PRIVATE KEY-----
`;

describe("the CI builder's keys", () => {
  it("have the public half that Nix derives", () => {
    assert.equal(nixPublicKey(nixSecret), nixPublic);
    assert.equal(nixPublicKey(`${nixSecret}\n`), nixPublic);
  });

  it("have the public half that ssh-keygen derives", () => {
    assert.equal(sshPublicKey(sshSecret), sshPublic);
  });

  it("are made new each time, in forms that are read back", () => {
    assert.match(nixPublicKey(makeNixKey("ci-1")), /^ci-1:[A-Za-z0-9+/]{43}=$/);
    assert.match(sshPublicKey(makeSshKey("ci")), /^ssh-ed25519 [A-Za-z0-9+/]{68}$/);
    assert.notEqual(makeNixKey("ci-1"), makeNixKey("ci-1"));
    assert.notEqual(makeSshKey("ci"), makeSshKey("ci"));
  });

  it("have an OpenSSH private part whose padding fills a block, for comments of every length", () => {
    for (let length = 0; length < 9; length++) {
      const base64 = makeSshKey("c".repeat(length)).replaceAll(/-----[^-]+-----|\n/g, "");
      const bytes = Buffer.from(base64, "base64");
      const privateLength = bytes.readUInt32BE(15 + 8 + 8 + 4 + 4 + 4 + 51);
      assert.equal(privateLength % 8, 0);
      assert.equal(15 + 8 + 8 + 4 + 4 + 4 + 51 + 4 + privateLength, bytes.length);
    }
  });

  const [name, base64] = nixSecret.split(":") as [string, string];
  const other = Buffer.concat([Buffer.from(base64, "base64").subarray(0, 32), Buffer.alloc(32, 1)]).toString("base64");
  for (const [what, text, message] of [
    ["an empty text", "", /found 0 bytes and no name/],
    ["a public key", nixPublic, /found 32 bytes, expected/],
    ["a key without a name", `:${base64}`, /no name/],
    ["halves that do not belong together", `${name}:${other}`, /do not belong together/],
  ] as const) {
    it(`refuses as a signing key ${what}, and repeats none of it`, () => {
      assert.throws(
        () => nixPublicKey(text),
        (error: Error) => {
          assert.match(error.message, message);
          assert.ok(!error.message.includes(base64.slice(0, 20)));
          return true;
        },
      );
    });
  }

  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const [what, text, message] of [
    ["an empty text", "", /no OpenSSH private key/],
    ["another format", pem, /no OpenSSH private key/],
    ["a public key", sshPublic, /no OpenSSH private key/],
    ["a key with a passphrase", sshEncrypted, /has a passphrase/],
    ["a key of another type", sshEcdsa, /another type/],
    [
      "a cut text",
      `${sshSecret.slice(0, 80)}\n-----END OPENSSH PRIVATE KEY-----`,
      /another type|passphrase|no OpenSSH/,
    ],
  ] as const) {
    it(`refuses as an ssh key ${what}`, () => {
      assert.throws(() => sshPublicKey(text), message);
    });
  }
});
