import assert from "node:assert/strict";
import { RevocationPlan } from "../../nix/cachectl/revoke/plan.ts";
import { base32, makeKey, signUpload, storePath, type Upload } from "./receive-protocol.ts";

describe("the plan of a revocation", () => {
  const [own, other] = [makeKey("macbook-1"), makeKey("desktop-1")];
  const facts = ({ path, nar, references = [], signatures = [] }: Upload, sum = nar) => ({
    path,
    references,
    narSize: nar.length,
    narHash: `sha256:${base32(sum)}`,
    signatures,
    contentAddress: "",
    deriver: "",
  });

  it("does not believe a signature by its name", () => {
    const plan = new RevocationPlan([own.publicKey], [other.publicKey]);
    const digest = Buffer.alloc(32, 7);
    const upload = { path: storePath("x"), nar: Buffer.alloc(96), narHash: digest.toString("hex") };
    const genuine = signUpload(own, upload);
    const claimed = `${other.name}:${Buffer.alloc(64, 1).toString("base64")}`;
    plan.add(facts({ ...upload, signatures: [genuine, claimed] }, digest));
    assert.deepEqual(
      plan.doomed().map(({ path }) => path),
      [upload.path],
    );
    const fair = new RevocationPlan([own.publicKey], [own.publicKey, other.publicKey]);
    fair.add(facts({ ...upload, signatures: [genuine, signUpload(other, upload)] }, digest));
    assert.deepEqual(fair.doomed(), []);
  });

  it("orders 20,000 paths in a chain, deepest reference last, without running out of stack", () => {
    const digest = Buffer.alloc(32, 7);
    const plan = new RevocationPlan([own.publicKey], []);
    const count = 20_000;
    const path = (index: number): string => `/nix/store/${String(index).padStart(32, "0")}-link`;
    const first = { path: path(0), nar: Buffer.alloc(96), narHash: digest.toString("hex") };
    plan.add(facts({ ...first, signatures: [signUpload(own, first)] }, digest));
    for (let index = 1; index < count; index++) {
      plan.add(facts({ path: path(index), nar: Buffer.alloc(96), references: [path(index), path(index - 1)] }, digest));
    }
    const doomed = plan.doomed();
    assert.deepEqual([doomed.length, doomed[0]?.path, doomed.at(-1)?.path], [count, path(count - 1), path(0)]);
  });
});
