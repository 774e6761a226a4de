export { isAwake } from "./awake.ts";
export { builderConfig, hookPath, UploadHook, type UploadHookArgs } from "./upload-hook.ts";
