// money.js: amounts in words, apart from kit.js because the waiting page loads it only for prices.

import { lang, locale } from './kit.js';

// Amounts are in minor units; the currency says how many digits those are, by ISO 4217 as in common/sale/currency.c.
// Browsers differ in that: some have none for HUF, as cash has none.
const NONE = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF';
const THREE = 'BHD IQD JOD KWD LYD OMR TND';
export const digitsOf = (code) => (NONE.includes(code) ? 0 : THREE.includes(code) ? 3 : 2);
const formats = new Map(); // by currency: making one takes longer than using it a thousand times
export function money(minor, currency) {
  const code = currency.toUpperCase();
  const digits = digitsOf(code);
  if (!formats.has(code)) formats.set(code, new Intl.NumberFormat(locale, { style: 'currency', currency: code, minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const amount = minor / 10 ** digits;
  return lang === 'ko' && code === 'KRW' ? `${amount.toLocaleString(locale)}원` : formats.get(code).format(amount);
}
