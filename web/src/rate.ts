// Tokens a second, as people read numbers.
export const rate = (perSecond: number): string => perSecond.toLocaleString('en', { minimumFractionDigits: perSecond < 99.95 ? 1 : 0, maximumFractionDigits: perSecond < 99.95 ? 1 : 0 });
