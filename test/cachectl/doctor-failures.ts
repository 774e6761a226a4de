/** Everything that the doctor can name. */
import { tailnet } from "./doctor-failures/tailnet.ts";
import { serving } from "./doctor-failures/serving.ts";
import { nix } from "./doctor-failures/nix.ts";
import { building } from "./doctor-failures/building.ts";
import { jobs } from "./doctor-failures/jobs.ts";
import { server } from "./doctor-failures/server.ts";
import type { Failure } from "./doctor-failures/failure.ts";

export const failures: readonly Failure[] = [...tailnet, ...serving, ...nix, ...building, ...jobs, ...server];
