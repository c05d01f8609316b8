"""The currencies of ISO 4217 and their decimals (list one of 1 January 2026). Pure.

By the standard itself: the tables of CLDR and Babel follow what people write, and differ for HUF, IDR, RSD, IQD and
a dozen others.
"""

from __future__ import annotations

from collections.abc import Mapping

DECIMALS: Mapping[str, int] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905 (readable)
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905
    **dict.fromkeys("CLF UYW".split(), 4),  # noqa: SIM905
}
"""The currencies that have more or fewer than two decimals."""

_TWO_DECIMALS = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905
)
_NO_DECIMALS_DEFINED = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())  # noqa: SIM905

CODES = _TWO_DECIMALS | _NO_DECIMALS_DEFINED | DECIMALS.keys()
"""Every code that is in force; one that is not (BGN, HRK) has gone, or never was."""


def decimals_of(code: str) -> int | None:
    """Return how many decimals the amounts of a currency have; None where ISO 4217 does not say."""
    return DECIMALS.get(code, 2 if code in _TWO_DECIMALS else None)
