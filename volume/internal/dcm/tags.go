package dcm

// Attributes that the program reads or writes (PS3.6).
const (
	TransferSyntaxUID          Tag = 0x00020010
	MediaStorageSOPClassUID    Tag = 0x00020002
	MediaStorageSOPInstanceUID Tag = 0x00020003

	SpecificCharacterSet       Tag = 0x00080005
	ImageType                  Tag = 0x00080008
	SOPClassUID                Tag = 0x00080016
	SOPInstanceUID             Tag = 0x00080018
	StudyDate                  Tag = 0x00080020
	SeriesDate                 Tag = 0x00080021
	ContentDate                Tag = 0x00080023
	StudyTime                  Tag = 0x00080030
	SeriesTime                 Tag = 0x00080031
	AcquisitionTime            Tag = 0x00080032
	ContentTime                Tag = 0x00080033
	AccessionNumber            Tag = 0x00080050
	Modality                   Tag = 0x00080060
	Manufacturer               Tag = 0x00080070
	ReferringPhysicianName     Tag = 0x00080090
	CodeValue                  Tag = 0x00080100
	CodingSchemeDesignator     Tag = 0x00080102
	CodeMeaning                Tag = 0x00080104
	StudyDescription           Tag = 0x00081030
	SeriesDescription          Tag = 0x0008103e
	ManufacturerModelName      Tag = 0x00081090
	ReferencedSeriesSequence   Tag = 0x00081115
	ReferencedSOPClassUID      Tag = 0x00081150
	ReferencedSOPInstanceUID   Tag = 0x00081155
	ReferencedInstanceSequence Tag = 0x0008114a
	ReferencedFrameNumber      Tag = 0x00081160
	DerivationImageSequence    Tag = 0x00089124
	SourceImageSequence        Tag = 0x00082112
	DerivationCodeSequence     Tag = 0x00089215

	PatientName      Tag = 0x00100010
	PatientID        Tag = 0x00100020
	PatientBirthDate Tag = 0x00100030
	PatientSex       Tag = 0x00100040
	PatientAge       Tag = 0x00101010
	PatientSize      Tag = 0x00101020
	PatientWeight    Tag = 0x00101030

	ScanningSequence     Tag = 0x00180020
	SequenceVariant      Tag = 0x00180021
	ScanOptions          Tag = 0x00180022
	MRAcquisitionType    Tag = 0x00180023
	SliceThickness       Tag = 0x00180050
	KVP                  Tag = 0x00180060
	SequenceName         Tag = 0x00180024
	InversionTime        Tag = 0x00180082
	SpacingBetweenSlices Tag = 0x00180088
	EchoTime             Tag = 0x00180081
	EchoTrainLength      Tag = 0x00180091
	DeviceSerialNumber   Tag = 0x00181000
	SoftwareVersions     Tag = 0x00181020
	TriggerTime          Tag = 0x00181060
	FlipAngle            Tag = 0x00181314
	EffectiveEchoTime    Tag = 0x00189082
	BValue               Tag = 0x00189087

	MRTimingSequence       Tag = 0x00189112
	MREchoSequence         Tag = 0x00189114
	MRModifierSequence     Tag = 0x00189115
	MRDiffusionSequence    Tag = 0x00189117
	CardiacSynchronization Tag = 0x00189118
	MRImageFrameType       Tag = 0x00189226
	CTImageFrameType       Tag = 0x00189329

	StudyInstanceUID             Tag = 0x0020000d
	SeriesInstanceUID            Tag = 0x0020000e
	StudyID                      Tag = 0x00200010
	SeriesNumber                 Tag = 0x00200011
	AcquisitionNumber            Tag = 0x00200012
	InstanceNumber               Tag = 0x00200013
	ImagePositionPatient         Tag = 0x00200032
	ImageOrientationPatient      Tag = 0x00200037
	FrameOfReferenceUID          Tag = 0x00200052
	TemporalPosition             Tag = 0x00200100
	PositionReference            Tag = 0x00201040
	FrameContentSequence         Tag = 0x00209111
	TemporalPositionIndex        Tag = 0x00209128
	TriggerDelay                 Tag = 0x00209153
	CardiacPhase                 Tag = 0x00209241
	PlanePositionSequence        Tag = 0x00209113
	PlaneOrientationSequence     Tag = 0x00209116
	DimensionIndexValues         Tag = 0x00209157
	DimensionOrganizationUID     Tag = 0x00209164
	DimensionIndexPointer        Tag = 0x00209165
	FunctionalGroupPointer       Tag = 0x00209167
	DimensionOrganizationSeq     Tag = 0x00209221
	DimensionIndexSequence       Tag = 0x00209222
	DimensionDescriptionLabel    Tag = 0x00209421
	SamplesPerPixel              Tag = 0x00280002
	Photometric                  Tag = 0x00280004
	NumberOfFrames               Tag = 0x00280008
	Rows                         Tag = 0x00280010
	Columns                      Tag = 0x00280011
	PixelSpacing                 Tag = 0x00280030
	BitsAllocated                Tag = 0x00280100
	BitsStored                   Tag = 0x00280101
	HighBit                      Tag = 0x00280102
	PixelRepresentation          Tag = 0x00280103
	RescaleIntercept             Tag = 0x00281052
	RescaleSlope                 Tag = 0x00281053
	RescaleType                  Tag = 0x00281054
	LossyImageCompression        Tag = 0x00282110
	ModalityLUTSequence          Tag = 0x00283000
	PixelMeasuresSequence        Tag = 0x00289110
	PixelValueTransformationSeq  Tag = 0x00289145
	Units                        Tag = 0x00541001
	SegmentationType             Tag = 0x00620001
	SegmentSequence              Tag = 0x00620002
	SegmentedPropertyCategorySeq Tag = 0x00620003
	SegmentNumber                Tag = 0x00620004
	SegmentLabel                 Tag = 0x00620005
	SegmentDescription           Tag = 0x00620006
	SegmentAlgorithmType         Tag = 0x00620008
	SegmentAlgorithmName         Tag = 0x00620009
	SegmentIdentificationSeq     Tag = 0x0062000a
	ReferencedSegmentNumber      Tag = 0x0062000b
	RecommendedDisplayCIELab     Tag = 0x0062000d
	SegmentedPropertyTypeSeq     Tag = 0x0062000f
	SegmentedPropertyModifierSeq Tag = 0x00620011
	SegmentsOverlap              Tag = 0x00620013
	TrackingID                   Tag = 0x00620020
	ContentLabel                 Tag = 0x00700080
	ContentDescription           Tag = 0x00700081
	ContentCreatorName           Tag = 0x00700084
	AnatomicRegionSequence       Tag = 0x00082218
	AnatomicRegionModifierSeq    Tag = 0x00082220
	PurposeOfReferenceCodeSeq    Tag = 0x0040a170

	StructureSetROISequence    Tag = 0x30060020
	ROINumber                  Tag = 0x30060022
	ROIName                    Tag = 0x30060026
	ROIDescription             Tag = 0x30060028
	RTROIObservationsSequence  Tag = 0x30060080
	ReferencedROINumber        Tag = 0x30060084
	RTROIIdentificationCodeSeq Tag = 0x30060086
	RTROIInterpretedType       Tag = 0x300600a4

	SharedFunctionalGroups   Tag = 0x52009229
	PerFrameFunctionalGroups Tag = 0x52009230

	FloatPixelData  Tag = 0x7fe00008
	DoublePixelData Tag = 0x7fe00009
	PixelData       Tag = 0x7fe00010

	item              Tag = 0xfffee000
	itemDelimiter     Tag = 0xfffee00d
	sequenceDelimiter Tag = 0xfffee0dd
)

// names are for messages.
var names = map[Tag]string{
	ImagePositionPatient: "ImagePositionPatient", ImageOrientationPatient: "ImageOrientationPatient",
	PixelSpacing: "PixelSpacing", Rows: "Rows", Columns: "Columns", NumberOfFrames: "NumberOfFrames",
	BitsAllocated: "BitsAllocated", BitsStored: "BitsStored", HighBit: "HighBit",
	PixelRepresentation: "PixelRepresentation", SamplesPerPixel: "SamplesPerPixel",
	RescaleSlope: "RescaleSlope", RescaleIntercept: "RescaleIntercept", PixelData: "PixelData",
	SliceThickness: "SliceThickness", SegmentNumber: "SegmentNumber", ROINumber: "ROINumber",
}

// representations are the VRs of attributes that implicit files don't state and
// that are written. What is not listed is a text or of no use here.
var representations = map[Tag]string{
	MediaStorageSOPClassUID: "UI", MediaStorageSOPInstanceUID: "UI", TransferSyntaxUID: "UI",
	SpecificCharacterSet: "CS", ImageType: "CS", SOPClassUID: "UI", SOPInstanceUID: "UI",
	StudyDate: "DA", SeriesDate: "DA", ContentDate: "DA", StudyTime: "TM", SeriesTime: "TM", ContentTime: "TM",
	AccessionNumber: "SH", Modality: "CS", Manufacturer: "LO", ReferringPhysicianName: "PN",
	CodeValue: "SH", CodingSchemeDesignator: "SH", CodeMeaning: "LO", StudyDescription: "LO", SeriesDescription: "LO",
	ManufacturerModelName: "LO", ReferencedSeriesSequence: "SQ", ReferencedSOPClassUID: "UI",
	ReferencedSOPInstanceUID: "UI", ReferencedInstanceSequence: "SQ", ReferencedFrameNumber: "IS",
	DerivationImageSequence: "SQ", SourceImageSequence: "SQ", DerivationCodeSequence: "SQ",
	PatientName: "PN", PatientID: "LO", PatientBirthDate: "DA", PatientSex: "CS", PatientAge: "AS",
	PatientSize: "DS", PatientWeight: "DS",
	ScanningSequence: "CS", SequenceVariant: "CS", ScanOptions: "CS", MRAcquisitionType: "CS", KVP: "DS", EchoTrainLength: "IS",
	SliceThickness: "DS", SpacingBetweenSlices: "DS", EchoTime: "DS", DeviceSerialNumber: "LO",
	SoftwareVersions: "LO", TriggerTime: "DS", BValue: "FD", AcquisitionTime: "TM", SequenceName: "SH",
	InversionTime: "DS", FlipAngle: "DS", EffectiveEchoTime: "FD", MRTimingSequence: "SQ", MREchoSequence: "SQ",
	MRModifierSequence: "SQ", MRDiffusionSequence: "SQ", CardiacSynchronization: "SQ", MRImageFrameType: "SQ",
	CTImageFrameType: "SQ", TemporalPositionIndex: "UL", TriggerDelay: "FD", CardiacPhase: "FL",
	StudyInstanceUID: "UI", SeriesInstanceUID: "UI", StudyID: "SH", SeriesNumber: "IS", AcquisitionNumber: "IS",
	InstanceNumber: "IS", ImagePositionPatient: "DS", ImageOrientationPatient: "DS", FrameOfReferenceUID: "UI",
	TemporalPosition: "IS", PositionReference: "LO", FrameContentSequence: "SQ", PlanePositionSequence: "SQ",
	PlaneOrientationSequence: "SQ", DimensionIndexValues: "UL", DimensionOrganizationUID: "UI",
	DimensionIndexPointer: "AT", FunctionalGroupPointer: "AT", DimensionOrganizationSeq: "SQ",
	DimensionIndexSequence: "SQ", DimensionDescriptionLabel: "LO",
	SamplesPerPixel: "US", Photometric: "CS", NumberOfFrames: "IS", Rows: "US", Columns: "US", PixelSpacing: "DS",
	BitsAllocated: "US", BitsStored: "US", HighBit: "US", PixelRepresentation: "US", RescaleIntercept: "DS",
	RescaleSlope: "DS", RescaleType: "LO", LossyImageCompression: "CS", ModalityLUTSequence: "SQ",
	PixelMeasuresSequence: "SQ", PixelValueTransformationSeq: "SQ", Units: "CS",
	SegmentationType: "CS", SegmentSequence: "SQ", SegmentedPropertyCategorySeq: "SQ", SegmentNumber: "US",
	SegmentLabel: "LO", SegmentDescription: "ST", SegmentAlgorithmType: "CS", SegmentAlgorithmName: "LO",
	SegmentIdentificationSeq: "SQ", ReferencedSegmentNumber: "US", RecommendedDisplayCIELab: "US",
	SegmentedPropertyTypeSeq: "SQ", SegmentedPropertyModifierSeq: "SQ", SegmentsOverlap: "CS", TrackingID: "UT",
	ContentLabel: "CS", ContentDescription: "LO", ContentCreatorName: "PN",
	AnatomicRegionSequence: "SQ", AnatomicRegionModifierSeq: "SQ", PurposeOfReferenceCodeSeq: "SQ",
	StructureSetROISequence: "SQ", ROINumber: "IS", ROIName: "LO", ROIDescription: "ST",
	RTROIObservationsSequence: "SQ", ReferencedROINumber: "IS", RTROIIdentificationCodeSeq: "SQ", RTROIInterpretedType: "CS",
	SharedFunctionalGroups: "SQ", PerFrameFunctionalGroups: "SQ",
	FloatPixelData: "OF", DoublePixelData: "OD", PixelData: "OW",
}
