/** Version of the receiver's commands and answers; it changes when an uploader has to know. */
export const version = "1";
