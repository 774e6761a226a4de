/** A Pulumi program that declares nothing: what any preview costs. */
export const nothing = "";
