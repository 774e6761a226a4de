export { SigningKey, type SigningKeyArgs } from "./signing-key.ts";
export { checkRetirement, retiredKeys, toldKeys } from "./retirement.ts";
export { addressesOf, checkConfirmed, type Reader } from "./confirmation.ts";
export { askClients } from "./clients.ts";
export { KeyEscrow, type KeyEscrowArgs } from "./escrow.ts";
