"""A group of clinics: 240 doctors, 12,000 patients, their 50,000 visits of 2020 to 2024 and what was prescribed there.

A visit is known by its patient and its number, a prescription by its visit and its line. Diagnoses are skewed; each
goes to the doctors of one specialty, and most patients see the same one again. Some patients never come and few come
very often, pressure goes with age and fees with experience, what was not measured is missing, and some prescriptions
are never filled. Pathology and radiology have doctors whom no patient visits.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np

from .calendar import arrival, iso_day
from .draws import Draws, Skewed
from .people import Names

FILE = "clinic.db"
VERSION = 1

SCHEMA = """\
CREATE TABLE doctors (
  id INTEGER PRIMARY KEY,
  licence TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  specialty TEXT NOT NULL,
  site TEXT,
  head_id INTEGER REFERENCES doctors (id),
  fee REAL NOT NULL CHECK (fee > 0),
  hired TEXT NOT NULL CHECK (hired IS date(hired))
);
CREATE TABLE patients (
  id INTEGER PRIMARY KEY,
  insurance_no TEXT UNIQUE,
  name TEXT NOT NULL,
  sex TEXT NOT NULL CHECK (sex IN ('f', 'm', 'x')),
  blood TEXT,
  insurer TEXT NOT NULL,
  born TEXT NOT NULL CHECK (born IS date(born))
);
CREATE TABLE visits (
  patient_id INTEGER NOT NULL REFERENCES patients (id),
  visit_no INTEGER NOT NULL CHECK (visit_no > 0),
  doctor_id INTEGER NOT NULL REFERENCES doctors (id),
  day TEXT NOT NULL CHECK (day IS date(day)),
  slot INTEGER NOT NULL CHECK (slot BETWEEN 1 AND 24),
  diagnosis TEXT,
  systolic INTEGER CHECK (systolic BETWEEN 60 AND 260),
  temperature REAL,
  charged REAL NOT NULL CHECK (charged >= 0),
  PRIMARY KEY (patient_id, visit_no),
  UNIQUE (doctor_id, day, slot)
);
CREATE TABLE medicines (
  code TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  strength INTEGER NOT NULL,
  price REAL NOT NULL,
  approved TEXT CHECK (approved IS date(approved)),
  UNIQUE (name, strength)
) WITHOUT ROWID;
CREATE TABLE prescriptions (
  patient_id INTEGER NOT NULL,
  visit_no INTEGER NOT NULL,
  line INTEGER NOT NULL CHECK (line BETWEEN 1 AND 9),
  medicine TEXT NOT NULL REFERENCES medicines (code),
  packs INTEGER NOT NULL DEFAULT 1 CHECK (packs > 0),
  directions TEXT,
  paid REAL,
  filled TEXT CHECK (filled IS date(filled)),
  PRIMARY KEY (patient_id, visit_no, line),
  FOREIGN KEY (patient_id, visit_no) REFERENCES visits (patient_id, visit_no)
) WITHOUT ROWID;
"""

DOCTORS, PATIENTS, VISITS, PRESCRIPTIONS = 240, 12_000, 50_000, 70_000
FIRST_DAY = date(2020, 1, 1)
DAYS = 1827  # to the end of 2024

_SPECIALTIES = (
    "general practice", "paediatrics", "cardiology", "dermatology", "orthopaedics", "neurology", "psychiatry",
    "ophthalmology", "gynaecology", "ear, nose and throat", "endocrinology", "radiology", "pathology", "anaesthesia",
)  # fmt: skip
_SITES = ("Mitte", "Nord", "St. Göran", "Riverside", "Hôpital Sud", "Campus", "Køge", "riverside")
_INSURERS = (
    "Allgemeine Kasse", "Northern Mutual", "Sanitas Plus", "Mutuelle Lémanique", "private", "Techniker Hilfe",
    "Federal Employees", "Zdrowie SA", "Caixa Saúde", "Student Cover", "Sailors' Fund", "none",
)  # fmt: skip
_BLOOD = ("O+", "A+", "B+", "O-", "A-", "AB+", "B-", "AB-")
# What it is, the specialty that treats it, the kind of medicine against it.
_DIAGNOSES = (
    ("common cold", 0, "pain"), ("hypertension", 2, "heart"), ("back pain", 4, "pain"), ("check-up", 0, "vitamin"),
    ("type 2 diabetes", 10, "diabetes"), ("bronchitis", 0, "antibiotic"), ("otitis media", 1, "antibiotic"),
    ("eczema", 3, "skin"), ("migraine", 5, "pain"), ("depression", 6, "mood"), ("vaccination", 1, "vaccine"),
    ("gastritis", 0, "stomach"), ("sprained ankle", 4, "pain"), ("hay fever", 0, "allergy"), ("asthma", 0, "lung"),
    ("tonsillitis", 9, "antibiotic"), ("hypothyroidism", 10, "thyroid"), ("acne", 3, "skin"), ("anxiety", 6, "mood"),
    ("pregnancy", 8, "vitamin"), ("cataract", 7, "eye"), ("atrial fibrillation", 2, "heart"), ("croup", 1, "lung"),
    ("arthritis", 4, "pain"), ("insomnia", 6, "mood"), ("glaucoma", 7, "eye"), ("sinusitis", 9, "antibiotic"),
    ("heart failure", 2, "heart"), ("epilepsy", 5, "mood"), ("Ménière's disease", 9, "allergy"),
)  # fmt: skip
_MEDICINES = (
    ("pain", "Ibuprofen", "Paracetamol", "Diclofenac", "Naproxen"), ("heart", "Ramipril", "Bisoprolol", "Amlodipine"),
    ("antibiotic", "Amoxicillin", "Doxycycline", "Azithromycin"), ("diabetes", "Metformin", "Insuline glargine"),
    ("skin", "Hydrocortisone", "Zinksalbe Süd"), ("mood", "Sertraline", "Citalopram", "Mirtazapine"),
    ("stomach", "Omeprazole", "Pantoprazole"), ("allergy", "Cetirizine", "Loratadine"), ("lung", "Salbutamol"),
    ("thyroid", "Levothyroxine"), ("eye", "Latanoprost", "Larmes naturelles"), ("vaccine", "Influvac", "Tetanol"),
    ("vitamin", "Vitamin D₃", "Folic acid"), ("orphan", "Nusinersen", "Œdemase"),
)  # fmt: skip
_STRENGTHS = (5, 20, 100)
_DIRECTIONS = (
    "once a day", "twice a day", "as needed", "with meals", "before sleep", "1-0-1", "Once a day", "every 8 hours",
    "on an empty stomach", "see leaflet", "après le repas",
)  # fmt: skip

Doctor = namedtuple("Doctor", "id licence name specialty site head_id fee hired")
Patient = namedtuple("Patient", "id insurance_no name sex blood insurer born")
Visit = namedtuple("Visit", "patient_id visit_no doctor_id day slot diagnosis systolic temperature charged")
Medicine = namedtuple("Medicine", "code name kind strength price approved")


def rows(seed: int, scale: int) -> Iterator[tuple[str, Iterable[Sequence[object]]]]:
    """(table, rows) in an order that foreign keys allow. `scale` multiplies all but the medicines."""
    for_doctors, for_patients, for_visits, for_lines = map(Draws, np.random.SeedSequence(seed).spawn(4))
    doctors = list(_doctors(DOCTORS * scale, for_doctors))
    yield "doctors", doctors
    patients = list(_patients(PATIENTS * scale, for_patients))
    yield "patients", patients
    visits = list(_visits(VISITS * scale, doctors, patients, for_visits))
    yield "visits", visits
    medicines = list(_medicines())
    yield "medicines", medicines
    births = {patient.id: patient.born for patient in patients}
    yield "prescriptions", _prescriptions(PRESCRIPTIONS * scale, visits, births, medicines, for_lines)


def _doctors(n: int, draws: Draws) -> Iterator[Doctor]:
    """In the order of their employment; the first one of each specialty is its head."""
    specialty, site, names = Skewed(len(_SPECIALTIES), 2), Skewed(len(_SITES), 1), Names()
    heads: dict[int, int] = {}
    number = 0
    for i in range(n):
        number += draws.step()
        skill = i if i < len(_SPECIALTIES) else specialty.draw(draws)
        yield Doctor(
            number,
            f"{'LZ'[i % 2]}-{(i + 1) * 7_919 % 99_991:05d}",
            names.draw(draws),
            _SPECIALTIES[skill],
            None if draws.chance(70) else _SITES[site.draw(draws)],
            heads.get(skill),
            (70 + skill * 7 + (n - i) * 90 // n + draws.below(12)) * 50 / 100,
            iso_day(date(1998, 1, 5), arrival(i, n, 9_800)),
        )
        heads.setdefault(skill, number)


def _patients(n: int, draws: Draws) -> Iterator[Patient]:
    insurer, blood, names = Skewed(len(_INSURERS), 1), Skewed(len(_BLOOD), 1), Names()
    number = 20_000
    for _ in range(n):
        number += draws.step()
        payer = _INSURERS[insurer.draw(draws)]
        name = names.draw(draws)
        yield Patient(
            number,
            None if payer == "none" or draws.chance(40) else f"{number * 7_321 % 99_999_989:08d}",
            name.upper() if draws.chance(25) else name,  # as the card has it
            "fmx"[min(2, draws.below(205) // 101)],
            None if draws.chance(220) else _BLOOD[blood.draw(draws)],
            payer,
            iso_day(date(1926, 1, 1), draws.below(20_000) + draws.below(14_000)),
        )


def _visits(n: int, doctors: list[Doctor], patients: list[Patient], draws: Draws) -> Iterator[Visit]:
    ill, disease = Skewed(len(patients) * 9 // 10, len(patients) // 60), Skewed(len(_DIAGNOSES), 3)
    order, numbers = draws.shuffled(len(patients)), [0] * len(patients)
    teams = [[doctor for doctor in doctors if doctor.specialty == specialty] for specialty in _SPECIALTIES]
    taken = set[tuple[int, int, int]]()
    for i in range(n):
        day = arrival(i, n, DAYS)
        day += day % 7 == 4  # closed on Sundays
        on = iso_day(FIRST_DAY, day)
        who = order[ill.draw(draws)]
        numbers[who] += 1
        diagnosis, specialty, kind = _DIAGNOSES[disease.draw(draws)]
        team = teams[specialty]
        doctor = team[who * 31 % len(team)] if draws.chance(700) else team[draws.below(len(team))]
        while doctor.hired > on:
            doctor = team[min(draws.below(len(team)), draws.below(len(team)))]
        slot = 1 + min(draws.below(24), draws.below(24))
        while (doctor.id, day, slot) in taken:
            slot = slot % 24 + 1
        taken.add((doctor.id, day, slot))
        pressure = 98 + (int(on[:4]) - int(patients[who].born[:4])) // 3 + 18 * (kind == "heart") + draws.below(30)
        warmth = 361 + draws.below(14) + (kind == "antibiotic") * draws.below(28)
        yield Visit(
            patients[who].id,
            numbers[who],
            doctor.id,
            on,
            slot,
            None if draws.chance(60) else diagnosis.upper() if draws.chance(15) else diagnosis,
            None if draws.chance(220) else pressure,
            None if draws.chance(300) else warmth / 10,
            round(doctor.fee * 100) * (2 + draws.below(3) * draws.below(2)) // 2 / 100,
        )


def _medicines() -> Iterator[Medicine]:
    for i, (kind, *names) in enumerate(_MEDICINES):
        for k, name in enumerate(names):
            for m, strength in enumerate(_STRENGTHS):
                cents = (4 + i * 7 % 13) * (k + 2) * (m + 2) * 50 - 5
                approved = iso_day(date(1974, 3, 1), (i * 71 + k * 29 + m) * 17) if (i + k) % 6 else None
                yield Medicine(f"{'ABCDGHJLMNPRSV'[i]}0{k + 1}{'ABC'[m]}", name, kind, strength, cents / 100, approved)


def _prescriptions(
    n: int, visits: list[Visit], births: dict[int, str], medicines: list[Medicine], draws: Draws
) -> Iterator[Sequence[object]]:
    kinds = {diagnosis.lower(): kind for diagnosis, _, kind in _DIAGNOSES}
    choices = {kind: [medicine for medicine in medicines if medicine.kind == kind] for kind in kinds.values()}
    direction, lines = Skewed(len(_DIRECTIONS), 1), [0] * len(visits)
    for _ in range(n):
        one, other = draws.below(len(visits)), draws.below(len(visits))
        older = one if births[visits[one].patient_id] < births[visits[other].patient_id] else other
        lines[older if lines[older] < 9 else lines.index(0)] += 1
    for visit, count in sorted(zip(visits, lines, strict=True), key=lambda pair: pair[0][:2]):
        choice = choices[kinds[visit.diagnosis.lower()] if visit.diagnosis else "pain"]
        for line in range(1, count + 1):
            medicine = choice[min(draws.below(len(choice)), draws.below(len(choice)))]
            packs = 1 if draws.below(5) else 2 + draws.below(3)
            cost = round(medicine.price * 100) * packs
            filled = not draws.chance(110)
            yield (
                visit.patient_id,
                visit.visit_no,
                line,
                medicine.code,
                packs,
                None if draws.chance(120) else _DIRECTIONS[direction.draw(draws)],
                min(cost, max(500, min(1000, cost // 10))) / 100 if filled else None,
                iso_day(date.fromisoformat(visit.day), draws.below(4) * draws.below(8)) if filled else None,
            )
