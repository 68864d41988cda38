// Does what is about to be sent fit the context? Counted by the node, as the request that it will be; while it counts, by
// what is known. When it does not fit, what to leave out.
import type { AttachedFile } from './conversation';

export interface Fit {
    left: number;            // tokens; negative: so many too many
    leaveOut: AttachedFile[];   // with these gone the rest fits; empty when it fits, or when no file is to blame
}

// `used`: the whole request; `reserve`: what an answer needs at least.
export function fitOf(used: number, length: number, files: AttachedFile[], reserve = 0): Fit {
    const left = length - reserve - used;
    return { left, leaveOut: left < 0 ? toLeaveOut(files, -left) : [] };
}

// As few as can be: the smallest one that suffices, else the largest and so on.
function toLeaveOut(files: AttachedFile[], tooMany: number): AttachedFile[] {
    const bySize = files.filter(({ tokens }) => tokens).sort((a, b) => a.tokens! - b.tokens!);
    const chosen: AttachedFile[] = [];
    for (let missing = tooMany; missing > 0;) {
        const next = bySize.find(({ tokens }) => tokens! >= missing) ?? bySize.at(-1);
        if (!next) return [];
        bySize.splice(bySize.indexOf(next), 1);
        chosen.push(next);
        missing -= next.tokens!;
    }
    return chosen;
}
