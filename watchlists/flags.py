"""Flags: two letters for the names that lists write, and for the first three digits of an MMSI. May hold: that table. May not: vessels.

Facts, written down by us: ISO 3166-1 codes, the names that lists use, and the maritime identification digits that the ITU has allotted.
Flags of one state that lists keep apart (Hong Kong, Madeira, the Cayman Islands) stand apart here.
"""

from __future__ import annotations

from unicodedata import combining, normalize

_TABLE = """
AD 202 Andorra|AE 470,471 United Arab Emirates|AF 401 Afghanistan|AG 304,305 Antigua and Barbuda
AI 301 Anguilla|AL 201 Albania|AM 216 Armenia|AO 603 Angola|AR 701 Argentina
AS 559 American Samoa|AT 203 Austria|AU 503 Australia|AW 307 Aruba|AZ 423 Azerbaijan|BA 478 Bosnia and Herzegovina|BB 314 Barbados|BD 405 Bangladesh
BE 205 Belgium|BF 633 Burkina Faso|BG 207 Bulgaria|BH 408 Bahrain|BI 609 Burundi|BJ 610 Benin|BM 310 Bermuda|BN 508 Brunei|BO 720 Bolivia|BQ 306 Bonaire
BR 710 Brazil|BS 308,309,311 Bahamas;The Bahamas|BT 410 Bhutan|BW 611 Botswana|BY 206 Belarus|BZ 312 Belize|CA 316 Canada
CD 676 Democratic Republic of the Congo|CF 612 Central African Republic|CG 615 Congo;Republic of the Congo|CH 269 Switzerland|CI 619 Ivory Coast;Cote d'Ivoire
CK 518 Cook Islands|CL 725 Chile|CM 613 Cameroon|CN 412,413,414 China|CO 730 Colombia|CR 321 Costa Rica|CU 323 Cuba|CV 617 Cape Verde;Cabo Verde
CW 306 Curacao|CY 209,210,212 Cyprus|CZ 270 Czech Republic;Czechia|DE 211,218 Germany|DJ 621 Djibouti|DK 219,220 Denmark|DM 325 Dominica
DO 327 Dominican Republic|DZ 605 Algeria|EC 735 Ecuador|EE 276 Estonia|EG 622 Egypt|ER 625 Eritrea|ES 224,225 Spain|ET 624 Ethiopia|FI 230 Finland
FJ 520 Fiji|FK 740 Falkland Islands|FM 510 Micronesia|FO 231 Faroe Islands|FR 226,227,228 France|GA 626 Gabon|GB 232,233,234,235 United Kingdom
GD 330 Grenada|GE 213 Georgia|GF 745 French Guiana|GH 627 Ghana|GI 236 Gibraltar|GL 331 Greenland|GM 629 Gambia;The Gambia|GN 632 Guinea|GP 329 Guadeloupe
GQ 631 Equatorial Guinea|GR 237,239,240,241 Greece|GT 332 Guatemala|GW 630 Guinea-Bissau|GY 750 Guyana|HK 477 Hong Kong|HN 334 Honduras|HR 238 Croatia
HT 336 Haiti|HU 243 Hungary|ID 525 Indonesia|IE 250 Ireland|IL 428 Israel|IM 235 Isle of Man|IN 419 India|IQ 425 Iraq|IR 422 Iran;Islamic Republic of Iran
IS 251 Iceland|IT 247 Italy|JM 339 Jamaica|JO 438 Jordan|JP 431,432 Japan|KE 634 Kenya|KG 451 Kyrgyzstan|KH 514,515 Cambodia|KI 529 Kiribati
KM 616,620 Comoros|KN 341 Saint Kitts and Nevis;St. Kitts and Nevis;St. Kitts & Nevis|KP 445 North Korea;Democratic People's Republic of Korea;Korea, North
KR 440,441 South Korea;Republic of Korea;Korea, South|KW 447 Kuwait|KY 319 Cayman Islands|KZ 436 Kazakhstan|LA 531 Laos|LB 450 Lebanon
LC 343 Saint Lucia;St. Lucia|LI 252 Liechtenstein|LK 417 Sri Lanka|LR 636,637 Liberia|LS 644 Lesotho|LT 277 Lithuania|LU 253 Luxembourg|LV 275 Latvia
LY 642 Libya|MA 242 Morocco|MC 254 Monaco|MD 214 Moldova|ME 262 Montenegro|MG 647 Madagascar|MH 538 Marshall Islands|MK 274 North Macedonia|ML 649 Mali
MM 506 Burma;Myanmar|MN 457 Mongolia|MO 453 Macau;Macao|MP 536 Northern Mariana Islands|MQ 347 Martinique|MR 654 Mauritania|MS 348 Montserrat
MT 215,229,248,249,256 Malta|MU 645 Mauritius|MV 455 Maldives|MW 655 Malawi|MX 345 Mexico|MY 533 Malaysia|MZ 650 Mozambique|NA 659 Namibia
NC 540 New Caledonia|NE 656 Niger|NG 657 Nigeria|NI 350 Nicaragua|NL 244,245,246 Netherlands;The Netherlands|NO 257,258,259 Norway|NP 459 Nepal
NR 544 Nauru|NU 542 Niue|NZ 512 New Zealand|OM 461 Oman|PA 351,352,353,354,355,356,357,370,371,372,373,374 Panama|PE 760 Peru|PF 546 French Polynesia
PG 553 Papua New Guinea|PH 548 Philippines|PK 463 Pakistan|PL 261 Poland|PM 361 Saint Pierre and Miquelon|PN 555 Pitcairn|PR 358 Puerto Rico
PS 443 Palestine|PT 204,255,263 Portugal;Madeira|PW 511 Palau|PY 755 Paraguay|QA 466 Qatar|RE 660 Reunion|RO 264 Romania|RS 279 Serbia
RU 273 Russia;Russian Federation|RW 661 Rwanda|SA 403 Saudi Arabia|SB 557 Solomon Islands|SC 664 Seychelles|SD 662 Sudan|SE 265,266 Sweden
SG 563,564,565,566 Singapore|SH 608,665 Saint Helena|SI 278 Slovenia|SK 267 Slovakia|SL 667 Sierra Leone|SM 268 San Marino|SN 663 Senegal|SO 666 Somalia
SR 765 Suriname|SS 638 South Sudan|ST 668 Sao Tome and Principe|SV 359 El Salvador|SX 306 Sint Maarten|SY 468 Syria;Syrian Arab Republic
SZ 669 Eswatini;Swaziland|TC 364 Turks and Caicos Islands|TD 670 Chad|TG 671 Togo|TH 567 Thailand|TJ 472 Tajikistan|TL 550 East Timor;Timor-Leste
TM 434 Turkmenistan|TN 672 Tunisia|TO 570 Tonga|TR 271 Turkey;Turkiye|TT 362 Trinidad and Tobago|TV 572 Tuvalu|TW 416 Taiwan|TZ 674,677 Tanzania;Zanzibar
UA 272 Ukraine|UG 675 Uganda|US 303,338,366,367,368,369 United States;United States of America;USA|UY 770 Uruguay|UZ 437 Uzbekistan|VA 208 Vatican City
VC 375,376,377 Saint Vincent and the Grenadines;St. Vincent and the Grenadines|VE 775 Venezuela|VG 378 British Virgin Islands;Virgin Islands, British
VI 379 United States Virgin Islands|VN 574 Vietnam;Viet Nam|VU 576,577 Vanuatu|WF 578 Wallis and Futuna|WS 561 Samoa|YE 473,475 Yemen|ZA 601 South Africa
ZM 678 Zambia|ZW 679 Zimbabwe
"""


def _rows() -> list[tuple[str, list[int], list[str]]]:
    rows = []
    for part in _TABLE.replace("\n", "|").split("|"):
        if part:
            code, mids, names = part.split(" ", 2)
            rows.append((code, [int(mid) for mid in mids.split(",")], names.split(";")))
    return rows


def _folded(name: str) -> str:
    letters = (letter for letter in normalize("NFKD", name) if not combining(letter))
    return " ".join("".join(letters).upper().split())


_OF_MID: dict[int, tuple[str, ...]] = {}
_OF_NAME: dict[str, str] = {}
for _code, _mids, _names in _rows():
    for _mid in _mids:
        _OF_MID[_mid] = (*_OF_MID.get(_mid, ()), _code)
    for _name in (_code, *_names):
        _OF_NAME[_folded(_name)] = _code


def flag_of(text: str) -> str:
    """'ru', 'Russia' -> 'RU'; '' for a text that names no flag known here."""
    return _OF_NAME.get(_folded(text), "")


def flags_of_mmsi(mmsi: int) -> tuple[str, ...]:
    """Flags whose country digits a ship's MMSI begins with: usually one, none for digits that nobody has."""
    return _OF_MID.get(mmsi // 1_000_000, ())
