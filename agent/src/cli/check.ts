/** `check`: what works here, what does not, and what to do about it. */
import type { CommandModule } from 'yargs';
import type { Config } from '../../../schemas/config/schema.js';
import { readHostKernel, type HostKernel } from '../host/kernel.js';
import type { Native } from '../native.js';
import { checkFeatures, checkKernel, checkPrivileges } from './checks/machine.js';
import { checkAddon, checkLibslt, checkLoad, checkPython } from './checks/parts.js';
import { checkProcess } from './checks/process.js';
import { statusOf, type Finding, type Verdict } from './checks/finding.js';
import { configOptions, loadFromCommandLine } from './config-options.js';
import { UsageError } from './failure.js';

interface CheckArguments {
  config: string | undefined;
  pid: number | undefined;
  json: boolean;
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: 'check',
  describe: 'what works here, what does not, and what to do about it',
  builder: (yargs) =>
    yargs
      .option('config', configOptions.config)
      .option('pid', {
        type: 'number',
        requiresArg: true,
        describe: 'also say whether this process takes part',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print a JSON object' })
      .epilogue('Exit status: 0 ready, 1 limited, 2 cannot run.'),
  handler: ({ config, pid, json }) => {
    if (pid !== undefined && !(Number.isSafeInteger(pid) && pid > 0)) {
      throw new UsageError('--pid needs the number of a process');
    }
    const findings = [...checkHere(config), ...(pid === undefined ? [] : checkProcess(pid))];
    const status = statusOf(findings);
    process.stdout.write(
      json ? `${JSON.stringify({ status: WORDS[status], findings })}\n` : page(findings, status),
    );
    process.exitCode = status;
  },
};

const WORDS = ['ready', 'limited', 'cannot run'] as const;

function checkHere(configFile: string | undefined): Finding[] {
  const { config } = loadFromCommandLine({ config: configFile });
  const kernel = readHostKernel();
  const { calls, finding } = checkAddon();
  const withAddon = calls === undefined ? [] : checkKernelSide(calls, config, kernel);
  return [...checkKernel(kernel), finding, ...withAddon, checkLibslt(), checkPython()];
}

/** Without privileges the kernel says no to every question, and its answers would mislead. */
function checkKernelSide(calls: Native, config: Config, kernel: HostKernel): Finding[] {
  const privileges = checkPrivileges(calls);
  if (privileges.some(({ verdict }) => verdict === 'missing')) {
    const found = 'what BPF can do on this kernel is not asked without privileges';
    return [...privileges, { id: 'parts.bpf', verdict: 'unknown', found, remedy: 'Run the check as root.' }];
  }
  return [...privileges, ...checkFeatures(calls), ...checkLoad(calls, config, kernel)];
}

const MARKS: Readonly<Record<Verdict, string>> = {
  ready: 'ok',
  limited: 'limited',
  missing: 'missing',
  unknown: 'unknown',
};

function page(findings: readonly Finding[], status: 0 | 1 | 2): string {
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = findings.map(({ id, verdict, found, remedy }) => {
    const line = `${MARKS[verdict].padEnd(8)} ${id.padEnd(width)}  ${found}`;
    return remedy === undefined ? line : `${line}\n${' '.repeat(9 + width)}  → ${remedy}`;
  });
  return `${[...lines, '', `This machine: ${WORDS[status]}`].join('\n')}\n`;
}
