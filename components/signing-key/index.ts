export { SigningKey, type SigningKeyArgs } from "./signing-key.ts";
export { checkRetirement, toldKeys } from "./retirement.ts";
