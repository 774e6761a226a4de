/** Why a policy is refused, in the words of Tailscale's answer. Thrown by the validators, turned into an answer by `judgePolicy`. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** HTTP status of the answer. */
  readonly status: 400 | 500;

  constructor(message: string, status: 400 | 500 = 400) {
    super(message);
    this.status = status;
  }
}
