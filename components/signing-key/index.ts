export { SigningKey, type SigningKeyArgs } from "./signing-key.ts";
export { checkRetirement, toldKeys } from "./retirement.ts";
export { KeyEscrow, type KeyEscrowArgs } from "./escrow.ts";
