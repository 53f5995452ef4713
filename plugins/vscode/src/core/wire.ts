import type { DaemonNotifications, DaemonRequests } from "../protocol";

/** Wire is what the rest of the core needs of the connection to the daemon. */
export interface Wire {
  /** Whether there is a connection, with its handshake done. */
  readonly up: boolean;
  notify<M extends keyof DaemonNotifications>(method: M, params: DaemonNotifications[M]): void;
  request<M extends keyof DaemonRequests>(
    method: M,
    params: DaemonRequests[M]["params"],
  ): Promise<DaemonRequests[M]["result"]>;
}
