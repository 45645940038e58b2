"""Each TAP release has one form of each meaning, and it is the form that the release writes."""

import re
from collections.abc import Iterator
from itertools import combinations

import pytest

from asn1.grammar import RELEASES, Node, load_plan

MOC, MTC, GPRS = "mobileOriginatedCall", "mobileTerminatedCall", "gprsCall"
MO, MT = f"{MOC}.basicCallInformation", f"{MTC}.basicCallInformation"
USED = f"{MOC}.basicServiceUsedList.basicServiceUsed"
CHARGE = f"{USED}.chargeInformationList.chargeInformation"
CAMEL = f"{MOC}.camelServiceUsed"
HEADER, AUDIT = "/batchControlInfo", "/auditControlInfo"
ENTITY = "/networkInfo.recEntityInfo.recEntityInformation"
DISCOUNT = "/accountingInfo.discounting.discounting"
SCU = "serviceCentreUsage.basicInformation"
CONTENT = "contentTransaction"

# Of each meaning: the releases, and the form that they write. Paths begin below a call event, or
# below the transfer batch when they begin with a slash.
MOVES: dict[str, dict[tuple[int, int], str]] = {
    "called number": {
        (1, 10): f"{MO}.destination.calledNumberUntil310",
        (11, 12): f"{MO}.destination.calledNumber",
    },
    "calling number": {
        (1, 10): f"{MT}.callOriginator.callingNumberUntil310",
        (11, 12): f"{MT}.callOriginator.callingNumber",
    },
    "third party number": {
        (1, 10): f"{MOC}.supplServiceUsedList.supplServiceUsed.thirdPartyInformation"
                 ".thirdPartyNumberUntil310",
        (11, 12): f"{MOC}.thirdPartyInformation.thirdPartyNumber",
    },
    "CAMEL destination number": {
        (1, 9): f"{CAMEL}.camelDestination.camelDestinationNumber",
        (11, 12): f"{CAMEL}.threeGcamelDestination.camelDestinationNumber",
    },
    # One tag for the server up to 3.9 and, in 3.10, the destination.
    "CAMEL address": {(1, 10): f"{CAMEL}.camelAddressUntil310"},
    "CAMEL fee": {
        (1, 10): f"{CAMEL}.camelChargeInformation", (11, 12): f"{CAMEL}.camelInvocationFee",
    },
    "CAMEL destination on GPRS": {
        (4, 10): f"{CAMEL}.gprsDestination",
        (11, 12): f"{CAMEL}.threeGcamelDestination.gprsDestination",
    },
    "non-charged party number": {
        (1, 10): f"{SCU}.nonChargedParty.nonChargedNumberUntil310",
        (11, 12): f"{SCU}.nonChargedNumber",
    },
    "non-charged party of a session": {
        (12, 12): "mobileSession.nonChargedParty.nonChargedPartyNumber",
    },
    "recording entity, MSC": {(1, 10): f"{ENTITY}.mscId", (11, 12): f"{ENTITY}.recEntityId"},
    "recording entity, number": {(1, 10): f"{ENTITY}.msisdn", (11, 12): f"{ENTITY}.recEntityId"},
    "recording entity, IP": {
        (1, 10): f"{ENTITY}.iPTextV4Address", (11, 12): f"{ENTITY}.recEntityId",
    },
    "recording entity, GMLC": {
        (10, 10): f"{ENTITY}.gmlcAddress", (11, 12): f"{ENTITY}.recEntityId",
    },
    "home location description": {
        (1, 10): f"{MOC}.locationInformation.homeLocationInformation"
                 ".homeLocationDescriptionUntil310",
        (11, 12): f"{MOC}.locationInformation.homeLocationInformation.homeLocationDescription",
    },
    "serving location description": {
        (1, 10): f"{MOC}.locationInformation.geographicalLocation"
                 ".servingLocationDescriptionUntil310",
        (11, 12): f"{MOC}.locationInformation.geographicalLocation.servingLocationDescription",
    },
    "serving network": {(4, 12): f"{MOC}.locationInformation.geographicalLocation.servingNetwork"},
    "discount value": {
        (2, 10): f"{CHARGE}.discountInformation.discountValueUntil310",
        (11, 12): f"{CHARGE}.discountInformation.discount",
    },
    "discount list": {(1, 1): f"{CHARGE}.discountInformationList"},
    "fixed discount": {
        (1, 10): f"{DISCOUNT}.fixedDiscountValueUntil310",
        (11, 12): f"{DISCOUNT}.discountApplied.fixedDiscountValue",
    },
    "discount rate": {
        (1, 10): f"{DISCOUNT}.discountRate",
        (11, 12): f"{DISCOUNT}.discountApplied.discountRate",
    },
    "time of a charge detail": {
        (1, 10): f"{CHARGE}.chargeDetailList.chargeDetail.chargingTimeStamp",
        (11, 12): f"{CHARGE}.chargeDetailList.chargeDetail.chargeDetailTimeStamp",
    },
    "type of call": {(1, 3): f"{CHARGE}.callType", (4, 12): f"{CHARGE}.callTypeGroup"},
    "tax value": {
        (1, 9): f"{CHARGE}.taxInformation.taxInformation.taxValueUntil39",
        (10, 12): f"{CHARGE}.taxInformation.taxInformation.taxValue",
    },
    "taxable amount": {(10, 12): f"{CHARGE}.taxInformation.taxInformation.taxableAmount"},
    "total charge": {
        (1, 10): f"{AUDIT}.totalChargeValueList.totalChargeValue.totalCharge",
        (11, 12): f"{AUDIT}.totalCharge",
    },
    "total charge refund": {
        (4, 10): f"{AUDIT}.totalChargeValueList.totalChargeValue.totalChargeRefund",
        (11, 12): f"{AUDIT}.totalChargeRefund",
    },
    "duration of a content transaction": {
        (4, 10): f"{CONTENT}.contentTransactionBasicInfo.totalCallEventDuration",
        (11, 12): f"{CONTENT}.contentTransactionBasicInfo.totalTransactionDuration",
    },
    "content used": {
        (4, 9): f"{CONTENT}.contentServiceUsedUntil39",
        (10, 12): f"{CONTENT}.contentServiceUsed.contentServiceUsed",
    },
    "charged party of content": {
        (4, 9): f"{CONTENT}.chargedPartyInformation.chargedPartyIdList"
                ".chargedPartyIdentification.imsi",
        (10, 12): f"{CONTENT}.chargedPartyInformation.chargedPartyIdList"
                  ".chargedPartyIdentification.chargedPartyIdentifier",
    },
    "IMEI": {
        (1, 10): f"{MOC}.equipmentInformation.imei", (11, 12): f"{MOC}.equipmentIdentifier.imei",
    },
    "ESN": {
        (1, 10): f"{GPRS}.equipmentInformation.esn", (11, 12): f"{GPRS}.equipmentIdentifier.esn",
    },
    "IMSI of a call": {
        (1, 10): f"{MO}.simChargeableSubscriber.imsi",
        (11, 12): f"{MO}.chargeableSubscriber.simChargeableSubscriber.imsi",
    },
    "MDN of a call": {
        (4, 10): f"{MT}.minChargeableSubscriber.mdn",
        (11, 12): f"{MT}.chargeableSubscriber.minChargeableSubscriber.mdn",
    },
    "IMSI of a data session": {
        (1, 10): f"{GPRS}.gprsBasicCallInformation.gprsChargeableSubscriber"
                 ".simChargeableSubscriber.imsi",
        (11, 12): f"{GPRS}.gprsBasicCallInformation.gprsChargeableSubscriber"
                  ".chargeableSubscriber.simChargeableSubscriber.imsi",
    },
    "IMSI at a service centre": {
        (1, 9): f"{SCU}.simChargeableSubscriber.imsi",
        (10, 10): f"{SCU}.gsmChargeableSubscriber.imsi",
        (11, 12): f"{SCU}.chargeableSubscriber.gsmChargeableSubscriber.imsi",
    },
    "teleservice": {
        (1, 10): f"{USED}.basicService.teleServiceCode",
        (11, 12): f"{USED}.basicService.serviceCode.teleServiceCode",
    },
    "bearer service of a supplementary service": {
        (1, 10): "supplServiceEvent.supplServiceUsed.basicServiceCodeList.bearerServiceCode",
        (11, 12): "supplServiceEvent.supplServiceUsed.basicServiceCodeList"
                  ".serviceCode.bearerServiceCode",
    },
    "access point": {
        (1, 3): f"{GPRS}.gprsBasicCallInformation.gprsDestination.accessPointName",
        (4, 12): f"{GPRS}.gprsBasicCallInformation.gprsDestination.accessPointNameNI",
    },
    "volume": {
        (1, 10): f"{GPRS}.gprsServiceUsed.gprsServiceUsageList.gprsServiceUsage"
                 ".dataVolumeIncoming",
        (11, 12): f"{GPRS}.gprsServiceUsed.dataVolumeIncoming",
    },
    "quality of service": {
        (1, 3): f"{GPRS}.gprsServiceUsed.gprsServiceUsageList.gprsServiceUsage.qosUsed",
        (4, 10): f"{GPRS}.gprsServiceUsed.gprsServiceUsageList.gprsServiceUsage.gSMQoSUsed",
    },
    "operator's own of a header": {
        (1, 3): f"{HEADER}.operatorSpecInformationUntil33",
        (4, 12): f"{HEADER}.operatorSpecInformation.operatorSpecInformation",
    },
    "operator's own of an event": {
        (1, 3): f"{MTC}.operatorSpecInformationUntil33",
        (4, 12): f"{MTC}.operatorSpecInformation.operatorSpecInformation",
    },
    "dialled digits": {(10, 12): f"{MO}.destination.dialledDigits"},
    "numbering plan": {(1, 9): f"{MO}.destination.numberingPlan"},
    "HSCSD changes": {
        (2, 10): f"{USED}.hSCSDInformation.hSCSDParameterModificationList",
    },
    "HSCSD": {(1, 10): f"{USED}.hSCSDInformation", (11, 12): f"{USED}.hSCSDIndicator"},
    "called number analysis": {(1, 10): "/networkInfo.calledNumAnalysisList"},
    "value added services": {(1, 10): "/vasInfo"},
    "value added service": {(1, 10): "valueAddedService.valueAddedServiceUsed"},
    "locating": {(10, 12): "locationService.locationServiceUsage"},
    "message over IP": {(12, 12): "messagingEvent.eventReference"},
    "aggregated usage": {(12, 12): "aggregatedUsageRecord.aggregatedUsageCharge"},
    "tax indicator": {(11, 12): "/accountingInfo.taxation.taxation.taxIndicator"},
}


def nodes_on(path: str) -> Iterator[Node]:
    plan = load_plan()
    events, names = not path.startswith("/"), path.removeprefix("/").split(".")
    context = plan.context_of("transferBatch", *(["callEventDetails"] if events else []))
    for name in names:
        node = context.named(name)
        assert node is not None, f"{context.type_name} has no {name}"
        yield node
        context = plan.contexts[node.context]


def releases_of(path: str) -> tuple[int, ...]:
    nodes = list(nodes_on(path))
    return tuple(r for r in RELEASES if all(n.since <= r <= n.until for n in nodes))


@pytest.mark.parametrize("meaning", MOVES)
def test_a_release_writes_its_form_of_a_meaning(meaning: str) -> None:
    for (since, until), path in MOVES[meaning].items():
        assert releases_of(path) == tuple(r for r in RELEASES if since <= r <= until), path


@pytest.mark.parametrize("meaning", MOVES)
def test_no_release_has_two_forms_of_a_meaning(meaning: str) -> None:
    paths = MOVES[meaning].values()
    for one, other in combinations(paths, 2):
        assert not set(releases_of(one)) & set(releases_of(other)), (one, other)


def test_older_and_newer_forms_of_one_name_never_meet() -> None:
    for context in load_plan().contexts:
        for one, other in combinations(context.nodes.values(), 2):
            if re.sub(r"Until\d+$", "", one.name) == re.sub(r"Until\d+$", "", other.name):
                assert one.until < other.since or other.until < one.since, (
                    f"{context.type_name}: {one.name}, {other.name}"
                )


def test_an_older_form_ends_with_the_release_in_its_name() -> None:
    ends = {
        (node.name, node.until)
        for context in load_plan().contexts
        for node in context.nodes.values()
        if "Until" in node.name
    }
    assert {(name, f"3{until}") for name, until in ends} == {
        (name, name.rpartition("Until")[2]) for name, _ in ends
    }


def test_a_node_is_of_existing_releases_in_order() -> None:
    for context in load_plan().contexts:
        for node in context.nodes.values():
            assert {node.since, node.until} <= set(RELEASES)
            assert node.since <= node.until


def test_header_items_up_to_the_release_number_are_in_every_release() -> None:
    for path in (
        HEADER, *(f"{HEADER}.{name}" for name in (
            "sender", "recipient", "fileSequenceNumber", "fileCreationTimeStamp",
            "transferCutOffTimeStamp", "fileAvailableTimeStamp", "specificationVersionNumber",
            "releaseVersionNumber",
        )),
    ):
        assert releases_of(path) == RELEASES
