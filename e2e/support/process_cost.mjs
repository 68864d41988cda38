// What a process costs its machine, from /proc.
import fs from 'node:fs';

const ticks_per_s = 100;   // USER_HZ of every Linux that Debian builds

const status = (pid, name) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]) / 1024;
export const resident_mb = (pid) => status(pid, 'VmRSS');
export const peak_mb = (pid) => status(pid, 'VmHWM');
export const resetPeak = (pid) => fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');

// Of all its threads, in user and kernel mode.
export function processor_s(pid) {
    const numbers = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return (Number(numbers[11]) + Number(numbers[12])) / ticks_per_s;
}
