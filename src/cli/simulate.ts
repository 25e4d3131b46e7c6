/** `heartbeat simulate`: what would happen. */

import type { Command } from 'commander'
import type { CommandContext } from './context.js'
export function registerSimulate(_program: Command, _context: CommandContext, _exit: (status: number) => void): void {}
