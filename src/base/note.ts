/** How loud a log line is, in Linux-HA's steps. */
export type NoteLevel = 'debug' | 'info' | 'warn' | 'error' | 'crit'
