/** What the sample program is told, as the setting `settings`; `privateKey` and `note` are settings of their own. */
export interface SampleSettings {
  /** Changing it changes a command, a file and nothing else. */
  readonly greeting: string;
  /** An absolute path where the commands leave what the test looks at. */
  readonly folder: string;
  readonly host: { readonly host: string; readonly port: number; readonly user: string; readonly hostKey: string };
  /** owner/name of a repository. */
  readonly fleet: string;
  /** The tailnet's policy. */
  readonly policy: string;
  /** The remote command outlives the stack. */
  readonly retain: boolean;
  /** The policy's changes are not looked at. */
  readonly ignorePolicy: boolean;
  /** The policy's hooks throw. */
  readonly refuse: boolean;
  /** Over 0: a command that takes as long. */
  readonly sleepSeconds: number;
}
