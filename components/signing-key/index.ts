export { SigningKey, type SigningKeyArgs } from "./signing-key.ts";
