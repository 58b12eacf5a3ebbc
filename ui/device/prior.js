// fer_core/class_prior.py once more: probabilities under a class prior.

const TINY = 1e-12;

export function assumed(probabilities, { factors, power } = {}) {
  if (!factors) return probabilities;
  const weighed = probabilities.map((p, i) => Math.max(p, TINY) ** power * factors[i]);
  const sum = weighed.reduce((a, b) => a + b, 0);
  return weighed.map((value) => value / sum);
}
