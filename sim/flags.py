"""Flags: whose digits an MMSI begins with, and how its call signs begin. May hold: that table. May not: vessels.

Facts, written down by us: maritime identification digits and call sign prefixes as the ITU has allotted them (Table of Maritime
Identification Digits; Radio Regulations, Appendix 42). Of a flag with many of either only the common ones stand here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """Country digits of a flag and the first letters of its call signs; `share`: of a hundred merchant ships at sea, about how many fly it."""

    mids: tuple[int, ...]
    prefix: str
    share: float


_TABLE = """
AE 470 A6 0.5      AG 304,305 V2 1    AR 701 LU 0.2      AU 503 VJ 0.5      BB 314 8P 0.4      BE 205 OR 0.3      BG 207 LZ 0.1
BH 408 A9 0.1      BM 310 ZC 0.3      BR 710 PP 0.4      BS 308,309,311 C6 3.5                 BZ 312 V3 0.3      CA 316 CF 0.4
CK 518 E5 0.4      CL 725 CB 0.2      CN 412,413,414 BP 6                   CO 730 HK 0.1      CV 617 D4 0.1      CY 209,210,212 5B 2.5
DE 211,218 DF 0.8  DK 219,220 OZ 1.5  DZ 605 7R 0.1      EC 735 HC 0.1      EE 276 ES 0.2      EG 622 SU 0.2      ES 224,225 EA 0.5
FI 230 OJ 0.3      FJ 520 3D 0.1      FM 510 V6 0.1      FO 231 XP 0.3      FR 226,227,228 FG 0.5                GB 232,233,234,235 GB 1.2
GH 627 9G 0.1      GI 236 ZD 0.5      GR 237,239,240,241 SV 2               HK 477 VR 8        HR 238 9A 0.2      ID 525 YB 3
IE 250 EI 0.2      IL 428 4X 0.1      IM 235 MN 0.6      IN 419 AT 1        IS 251 TF 0.1      IT 247 IA 1        JM 339 6Y 0.1
JP 431,432 JA 3    KE 634 5Z 0.1      KI 529 T3 0.1      KM 616,620 D6 0.8  KN 341 V4 0.3      KR 440,441 DS 1.5  KW 447 9K 0.2
KY 319 ZG 0.4      LK 417 4R 0.1      LR 636,637 D5 15   LT 277 LY 0.1      LV 275 YL 0.1      MA 242 CN 0.1      MG 647 5R 0.1
MH 538 V7 14       MT 215,229,248,249,256 9H 5.5         MU 645 3B 0.1      MV 455 8Q 0.1      MX 345 XC 0.2      MY 533 9M 0.8
NG 657 5N 0.3      NL 244,245,246 PH 2                   NO 257,258,259 LA 2                   NR 544 C2 0.1      NZ 512 ZM 0.2
OM 461 A4 0.1      PA 351,352,353,354,355,356,357,370,371,372,373,374 3E 16 PE 760 OA 0.1      PG 553 P2 0.1      PH 548 DU 0.8
PK 463 AP 0.1      PL 261 SN 0.2      PT 255,263 CQ 1.5  PW 511 T8 0.4      QA 466 A7 0.2      RO 264 YO 0.1      RU 273 UB 2
SA 403 HZ 0.4      SB 557 H4 0.1      SC 664 S7 0.1      SE 265,266 SB 0.5  SG 563,564,565,566 9V 7               SL 667 9L 0.4
SN 663 6W 0.1      TG 671 5V 0.4      TH 567 HS 0.7      TN 672 3V 0.1      TO 570 A3 0.1      TR 271 TC 0.9      TV 572 T2 0.3
TW 416 BM 0.5      TZ 674,677 5H 0.4  UA 272 UR 0.2      US 338,366,367,368,369 WD 1           UY 770 CX 0.1      VC 375,376,377 J8 0.4
VN 574 3W 1        VU 576,577 YJ 0.3  WS 561 5W 0.1      ZA 601 ZR 0.1
"""


def _read() -> dict[str, Flag]:
    words = _TABLE.split()
    rows = (words[i : i + 4] for i in range(0, len(words), 4))
    return {code: Flag(tuple(map(int, mids.split(","))), prefix, float(share)) for code, mids, prefix, share in rows}


FLAGS: dict[str, Flag] = _read()
