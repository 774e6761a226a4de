export { githubProvider } from "./access.ts";
export { CiPublisher, type CiPublisherArgs } from "./ci-publisher.ts";
export { makeNixKey, makeSshKey } from "./make-keys.ts";
export { type CiPlan, type CiSettings, prepareCi } from "./prepare.ts";
export { nixPublicKey, sshPublicKey } from "./public-keys.ts";
export { renderWorkflow, workflowDigest, workflowPath, type WorkflowSettings } from "./workflow.ts";
