/** What is left to do after setup, in order. */
import { nameOfStack } from "../../components/stack-name.ts";
import { lacksKeys, type Plan } from "./plan.ts";

/** The closing words. @param previewed whether the preview ran */
export function nextSteps(stack: string, plan: Plan, previewed: boolean): string {
  const steps = [
    ...(previewed ? [] : beforePreview(stack, plan)),
    `the server's NixOS configuration (${plan.server.flake}) imports nixosModules.server: docs/first-hour.md`,
    `pulumi up --stack ${stack}`,
    `npm run nix-vars -- ${stack}   then commit nix/vars/${nameOfStack(stack)}.json: machines read it`,
    ...plan.machines.filter(lacksKeys).map(joining(stack)),
    ...(plan.ci === undefined
      ? []
      : [`npm run workflow -- --stack ${stack} --into CHECKOUT   then commit it: docs/ci.md`]),
  ];
  return ["What comes next:", ...steps.map((step, index) => `  ${index + 1}. ${step}`)].join("\n");
}

function beforePreview(stack: string, { ci, server }: Plan): string[] {
  const flag = server.ssh === "tailscale" ? " --tailscale-ssh" : "";
  return [
    "credentials in the environment: docs/first-hour.md",
    `pulumi stack init ${stack}   unless it is there`,
    ...(ci === undefined ? [] : [`npm run ci-keys -- --stack ${stack}${flag}`]),
    `pulumi preview --stack ${stack}`,
  ];
}

function joining(stack: string): (machine: { readonly name: string }) => string {
  return ({ name }) =>
    `on ${name}: import the builder module, run sudo cachectl keys init, and put what it prints into Pulumi.${nameOfStack(stack)}.yaml: ` +
    "docs/adding-a-machine.md";
}
