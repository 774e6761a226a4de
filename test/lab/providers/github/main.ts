/** Entry of the double of the github provider plugin; the engine runs it through pulumi-resource-github. */
import { packageVersion } from "../shared/version.ts";
import { serve } from "../shared/serve.ts";
import { githubPackage } from "./package.ts";

await serve(githubPackage(packageVersion("github")), process.argv.slice(2));
