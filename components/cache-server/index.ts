export { CacheServer, type CacheServerArgs, type RegisteredBuilder } from "./cache-server.ts";
export { inspectServer, type Inspection, type InspectionRequest } from "./inspect.ts";
