export {
  cacheUrl,
  ClientSettings,
  machinesOf,
  nixVars,
  type ClientSettingsArgs,
  type NixVars,
} from "./client-settings.ts";
export { nixConf } from "./nix-conf.ts";
