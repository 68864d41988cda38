import { expect, test } from 'vitest';
import { minus, quantile, readHistogram } from '../src/latency';

const text = `# TYPE wait histogram
wait_count 4
wait_bucket{le="0.1"} 1
wait_bucket{le="0.5"} 3
wait_bucket{le="+Inf"} 4
gptoss_http_replies_total{route="/v1/chat/completions",status="200"} 7
gptoss_http_replies_total{route="/v1/chat/completions",status="400"} 2
gptoss_http_replies_total{route="(none)",status="404"} 3
`;

test('quantiles come out of a histogram', () => {
    const histogram = readHistogram(text, 'wait');
    expect(histogram).toEqual({ bounds: [0.1, 0.5, Infinity], counts: [1, 3, 4] });
    expect(quantile(histogram, 0.25)).toBeCloseTo(0.1);
    expect(quantile(histogram, 0.5)).toBeCloseTo(0.3);   // half way through the bucket from 0.1 to 0.5
    expect(quantile(histogram, 0.95)).toBe(0.5);         // beyond the last bound nothing finer is known
    expect(quantile(minus(histogram, histogram), 0.5)).toBeNaN();
});
