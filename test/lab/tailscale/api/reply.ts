/** An HTTP answer; the body is sent as it is. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer that is a failure, in Tailscale's form `{"message"}`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A JSON answer. */
export function json(value: unknown, status = 200): Reply {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/** 403 in the words of Tailscale's API. */
export function forbidden(): ApiError {
  return new ApiError(403, "calling actor does not have enough permissions to perform this function");
}

/** 404 in the words of Tailscale's API. */
export function notFound(): ApiError {
  return new ApiError(404, "not found");
}
